package models

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
)

// Profile is a kind of machine to run on.
type Profile struct {
	Threads  int // 0: all cores
	Sessions int
	Memory   int // bytes for weights, head and caches
}

var profiles = map[string]Profile{
	"mobile": {2, 1, 3 << 30},
	"edge":   {4, 1, 8 << 30},
	"server": {0, 8, 64 << 30},
	"cloud":  {0, 32, 256 << 30},
}

// ProfileFlag chooses a profile; usage has a place for the names of all.
func ProfileFlag(usage string) cli.Flag {
	names := slices.Sorted(maps.Keys(profiles))
	return cmdline.ChoiceFlag("profile", fmt.Sprintf(usage, strings.Join(names, ", ")), names...)
}

// ChosenProfile is the profile that ProfileFlag names; ok is false for none.
func ChosenProfile(c *cli.Context) (p Profile, ok bool) {
	p, ok = profiles[c.String("profile")]
	return p, ok
}

// SetUnset gives flags that the user has not set another value.
func SetUnset(c *cli.Context, values map[string]int) error {
	for flag, value := range values {
		if c.IsSet(flag) {
			continue
		}
		if err := c.Set(flag, strconv.Itoa(value)); err != nil {
			return err
		}
	}
	return nil
}
