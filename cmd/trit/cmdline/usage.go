package cmdline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"trit/internal/nearest"
	"trit/setting"
)

// Exit codes of the command.
const (
	ExitOK      = 0
	ExitFailed  = 1 // the work failed
	ExitUsage   = 2 // the command line is wrong
	ExitStopped = 3 // the work was stopped before its end; what is done is saved and can be gone on with
)

// OneLine returns the text of an error in one line; errors.Join makes several. It names options
// by the flags that set them.
func OneLine(err error) string {
	text := setting.Text(err, SettingName)
	var path *fs.PathError
	if errors.As(err, &path) {
		text = strings.ReplaceAll(text, path.Error(), plainly(path))
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// plainly says what is wrong with a path, and which name beside it may be meant.
func plainly(err *fs.PathError) string {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return existing(err.Path) + " is a file, not a folder"
	case errors.Is(err, syscall.EISDIR):
		return err.Path + " is a folder, not a file"
	case !errors.Is(err, fs.ErrNotExist):
		return err.Error()
	}
	text := "there is no file or folder " + err.Path
	entries, _ := os.ReadDir(filepath.Dir(err.Path))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if q := nearest.Question(filepath.Base(err.Path), names, nil); q != "" {
		text += ": " + q
	}
	return text
}

// ErrStopped is that work was stopped before its end and saved. It ends the program with
// [ExitStopped]. It is not printed: the command has said how to go on.
var ErrStopped = errors.New("stopped")

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

// existing is the longest beginning of a path that there is.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// UsageIf turns an error about a field of the named options, such as "repro.ScalingOptions", or about the named
// option itself, into a usage error. It is for options that flags alone set.
func UsageIf(err error, options string) error {
	if s := setting.As(err); s != nil && strings.HasPrefix(s.Field+".", options+".") {
		return usageError{OneLine(err)}
	}
	return err
}

// onUsageError is for what [Arrange] lets through.
func onUsageError(c *cli.Context, err error, _ bool) error {
	return Usagef("%v: see %s --help", err, c.Command.HelpName)
}
