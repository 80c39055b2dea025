package cmdline

import (
	"slices"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

func TestTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2m": 2 * time.Minute, "2min": 2 * time.Minute, "1h30m": 90 * time.Minute,
		"1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "2 hours": 2 * time.Hour, "1d": 24 * time.Hour, "0s": 0,
	} {
		var got Time
		if err := got.Set(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, &got, err, want)
		}
	}
	for _, text := range []string{"", " ", "10", "m", "-5m", "5x", "1.2.3s", "5M", "9999999d", "1e3s"} {
		if got := Time(7); got.Set(text) == nil || got != 7 {
			t.Errorf("%q was taken for %s", text, &got)
		}
	}
}

// A time flag is read as the library's own is, whether it was given or not.
func TestTimeFlag(t *testing.T) {
	for _, c := range []struct {
		args []string
		want time.Duration
	}{{nil, 5 * time.Second}, {[]string{"--every", "2min"}, 2 * time.Minute}} {
		var got time.Duration
		app := &cli.App{
			Flags:  []cli.Flag{TimeFlag("every", "`TIME`", 5*time.Second)},
			Action: func(c *cli.Context) error { got = c.Duration("every"); return nil },
		}
		if err := app.Run(slices.Concat([]string{"x"}, c.args)); err != nil || got != c.want {
			t.Errorf("%v: %s, %v, want %s", c.args, got, err, c.want)
		}
	}
}
