package main

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

// console writes to the user of a command: results to out, warnings to err, and progress to err
// if that is a terminal.
type console struct {
	out, err io.Writer
	terminal bool // err is a terminal, on which a line can be drawn again
}

func newConsole(c *cli.Context) *console {
	con := &console{out: c.App.Writer, err: c.App.ErrWriter}
	if f, ok := con.err.(*os.File); ok {
		con.terminal = term.IsTerminal(int(f.Fd()))
	}
	return con
}

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// warnf prints a line for the user that is not part of the result.
func (c *console) warnf(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// warnings prints notes on a model, a line each, behind prefixes such as its path. Options have
// the names of their flags.
func (c *console) warnings(notes []setting.Note, prefix ...string) {
	for _, n := range notes {
		c.warnf("warning: %s%s", strings.Join(prefix, ""), n.Text(settingName))
	}
}

// progress shows the progress of a long piece of work, at most ten times a second and only on a
// terminal.
type progress struct {
	con         *console
	what        string
	start, last time.Time
}

func (c *console) progress(what string) *progress {
	return &progress{con: c, what: what, start: time.Now()}
}

// show draws done of total (0 = unknown) with rate and time left.
func (p *progress) show(done, total int64, extra string) {
	now := time.Now()
	if !p.con.terminal || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last = now
	rate := float64(done) / max(now.Sub(p.start).Seconds(), 1e-9)
	if total <= 0 {
		fmt.Fprintf(p.con.err, "\r\x1b[K%s %s, %s/s %s", quantity(float64(done)), p.what, quantity(rate), extra)
		return
	}
	left := time.Duration(float64(total-done) / max(rate, 1e-9) * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(p.con.err, "\r\x1b[K%3d %%  %s of %s %s, %s/s, %s left %s", 100*done/total, quantity(float64(done)),
		quantity(float64(total)), p.what, quantity(rate), left, extra)
}

// end clears the line.
func (p *progress) end() {
	if p.con.terminal && !p.last.IsZero() {
		fmt.Fprint(p.con.err, "\r\x1b[K")
	}
}

// meter shows the progress of several pieces of work, one after another.
type meter struct {
	con  *console
	work string
	now  *progress // nil: nothing was shown
}

func (c *console) meter() *meter { return &meter{con: c} }

// show draws the progress of the named piece of work. Another name than before begins another
// piece.
func (m *meter) show(work, unit string, done, total int64, extra string) {
	if m.now == nil || m.work != work {
		m.end()
		m.work, m.now = work, m.con.progress(unit)
	}
	m.now.show(done, total, extra)
}

// end clears the line.
func (m *meter) end() {
	if m.now != nil {
		m.now.end()
	}
	m.now = nil
}

// quantity prints a count with a unit prefix: 1234567 is 1.23M.
func quantity(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.size {
			return fmt.Sprintf("%.3g%s", v/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.3g", v)
}
