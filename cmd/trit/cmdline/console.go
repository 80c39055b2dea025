package cmdline

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"trit/setting"
)

// Console writes to the user of a command: results to Out, warnings to Err, and progress to Err
// if that is a terminal.
type Console struct {
	Out, Err io.Writer
	Terminal bool // Err is a terminal, on which a line can be drawn again
}

// NewConsole gives the console of a command.
func NewConsole(c *cli.Context) *Console {
	con := &Console{Out: c.App.Writer, Err: c.App.ErrWriter}
	if f, ok := con.Err.(*os.File); ok {
		con.Terminal = term.IsTerminal(int(f.Fd()))
	}
	return con
}

// Printf prints a part of the result.
func (c *Console) Printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// Warnf prints a line for the user that is not part of the result.
func (c *Console) Warnf(format string, args ...any) { fmt.Fprintf(c.Err, format+"\n", args...) }

// Warnings prints notes on a model, a line each, behind prefixes such as its path. Options have
// the names of their flags.
func (c *Console) Warnings(notes []setting.Note, prefix ...string) {
	for _, n := range notes {
		c.Warnf("warning: %s%s", strings.Join(prefix, ""), n.Text(SettingName))
	}
}

// Progress shows the progress of a long piece of work, at most ten times a second and only on a
// terminal.
type Progress struct {
	con         *Console
	what        string
	start, last time.Time
}

// Progress begins a piece of work that counts in the given unit, such as "tokens".
func (c *Console) Progress(what string) *Progress {
	return &Progress{con: c, what: what, start: time.Now()}
}

// Show draws done of total (0 = unknown) with rate and time left.
func (p *Progress) Show(done, total int64, extra string) {
	now := time.Now()
	if !p.con.Terminal || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last = now
	rate := float64(done) / max(now.Sub(p.start).Seconds(), 1e-9)
	if total <= 0 {
		fmt.Fprintf(p.con.Err, "\r\x1b[K%s %s, %s/s %s", Quantity(float64(done)), p.what, Quantity(rate), extra)
		return
	}
	left := time.Duration(float64(total-done) / max(rate, 1e-9) * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(p.con.Err, "\r\x1b[K%3d %%  %s of %s %s, %s/s, %s left %s", 100*done/total, Quantity(float64(done)),
		Quantity(float64(total)), p.what, Quantity(rate), left, extra)
}

// End clears the line.
func (p *Progress) End() {
	if p.con.Terminal && !p.last.IsZero() {
		fmt.Fprint(p.con.Err, "\r\x1b[K")
	}
}

// Meter shows the progress of several pieces of work, one after another.
type Meter struct {
	con  *Console
	work string
	now  *Progress // nil: nothing was shown
}

// Meter begins several pieces of work.
func (c *Console) Meter() *Meter { return &Meter{con: c} }

// Show draws the progress of the named piece of work. Another name than before begins another
// piece.
func (m *Meter) Show(work, unit string, done, total int64, extra string) {
	if m.now == nil || m.work != work {
		m.End()
		m.work, m.now = work, m.con.Progress(unit)
	}
	m.now.Show(done, total, extra)
}

// End clears the line.
func (m *Meter) End() {
	if m.now != nil {
		m.now.End()
	}
	m.now = nil
}

// Quantity prints a count with a unit prefix: 1234567 is 1.23M.
func Quantity(v float64) string {
	for _, u := range []struct {
		size float64
		Name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.size {
			return fmt.Sprintf("%.3g%s", v/u.size, u.Name)
		}
	}
	return fmt.Sprintf("%.3g", v)
}
