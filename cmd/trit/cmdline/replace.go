package cmdline

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"
)

// ForceFlag is shared by all commands that write a file or folder where the user says; what names it.
func ForceFlag(what string) cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "replace " + what + " if it exists"}
}

// MayWrite refuses what is there already at some of the paths, unless --force is set; "" is no path.
// Pipes and devices, which a file would take the place of, are refused always.
func MayWrite(c *cli.Context, paths ...string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		case !info.Mode().IsRegular() && !info.IsDir():
			return Usagef("%s is no plain file: name another one", path)
		case !c.Bool("force"):
			return Usagef("%s exists: --force replaces it, or name another one", path)
		}
	}
	return nil
}
