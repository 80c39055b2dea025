package cmdline

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/setting"
)

// Exit codes of the command.
const (
	ExitOK     = 0
	ExitFailed = 1 // the work failed
	ExitUsage  = 2 // the command line is wrong
)

// OneLine returns the text of an error in one line; errors.Join makes several. It names options
// by the flags that set them.
func OneLine(err error) string {
	return strings.ReplaceAll(setting.Text(err, SettingName), "\n", "; ")
}

// usageError is a wrong command line; it ends the program with exit code 2.
type usageError struct{ Message string }

func (e usageError) Error() string { return e.Message }

// Usagef makes an error of the command line; it ends the program with [ExitUsage].
func Usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// IsUsage reports whether an error says that the command line is wrong; other errors say that
// the work failed.
func IsUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage)
}

// UsageIf turns an error about a field of the named options, such as "repro.ScalingOptions", into
// a usage error. It is for options that flags alone set.
func UsageIf(err error, options string) error {
	if s := setting.As(err); s != nil && strings.HasPrefix(s.Field, options+".") {
		return usageError{OneLine(err)}
	}
	return err
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	name := "trit"
	if c.Command != nil && c.Command.FullName() != "" {
		name += " " + c.Command.FullName()
	}
	return Usagef("%v: see %s --help", err, strings.TrimPrefix(name, "trit trit "))
}
