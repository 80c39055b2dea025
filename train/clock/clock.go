// Package clock says how far a run is that fills a time, whatever the speed of its steps: each step
// is taken at a share of that time, and the shares are kept, so that the run can be repeated.
package clock

import (
	"math"
	"time"
)

// State is the time of a run, as a checkpoint has it.
type State struct {
	Used   float64 `json:"used"`             // seconds that the run has taken; those between two parts do not count
	Budget float64 `json:"budget,omitempty"` // seconds that it fills; 0: it ends with a number of steps
	First  int     `json:"first,omitempty"`  // number of steps before the clock was followed
	Most   int     `json:"most,omitempty"`   // steps after which the run ends even if time is left; 0: any number
	Share  float64 `json:"share,omitempty"`  // of the time, at the newest step
	// Shares are those of the newest steps, which the log does not have yet.
	Shares []float64 `json:"shares,omitempty"`
	Taken  int       `json:"taken,omitempty"`  // number of steps that have a share
	Return int       `json:"return,omitempty"` // step before the decay of the rate; 0: it has not begun
}

// Clock measures the time of a run. Its zero value is not ready; see New.
type Clock struct {
	State
	now   func() time.Time
	begun time.Time // when this part of the run began
	used  float64   // seconds of the parts before
	from  float64   // share at which the steps of this part begin
	left  float64   // seconds that were left for them
}

// New makes the clock of a run, or of a part of one, that began at a time. now is time.Now outside of
// tests.
func New(begun time.Time, now func() time.Time) *Clock { return &Clock{begun: begun, now: now} }

// Restore goes on from the state in a checkpoint.
func (c *Clock) Restore(s State) {
	c.State, c.used = s, s.Used
	c.Rewind(s)
}

// Save is the state of now.
func (c *Clock) Save() State {
	s := c.State
	s.Used = c.Used()
	return s
}

// Used is the number of seconds that the run has taken.
func (c *Clock) Used() float64 { return c.used + c.now().Sub(c.begun).Seconds() }

// Before is the number of seconds that the parts of the run before this one took.
func (c *Clock) Before() float64 { return c.used }

// SetBefore sets what Before returns, for a run whose time was not measured.
func (c *Clock) SetBefore(seconds float64) { c.used = seconds }

// Rewind takes back the steps since a checkpoint with the state s. Their time stays used.
func (c *Clock) Rewind(s State) {
	c.Shares, c.Taken = append([]float64(nil), s.Shares...), s.Taken
}

// Fill makes the run fill a number of seconds from a step on, of which a share is over.
func (c *Clock) Fill(budget, share float64, step int) {
	c.Budget, c.Share, c.First, c.Return = budget, share, step, 0
}

// Filling reports whether a time ends the run.
func (c *Clock) Filling() bool { return c.Budget > 0 }

// Begin says that the steps of this part of the run begin. reserve is the number of seconds that the
// run needs after its last step.
func (c *Clock) Begin(reserve float64) { c.from, c.left = c.Share, c.Left(reserve) }

// Left is the number of seconds that are left for steps. At least half of the time is for them.
func (c *Clock) Left(reserve float64) float64 {
	return c.Budget - min(reserve, c.Budget/2) - c.Used()
}

// Next is the share of the time that is over before the next step, from 0; from 1 on there is no next
// one. It never falls. It is a multiple of 1e-6, which keeps the log short.
func (c *Clock) Next(step int, reserve float64) float64 {
	share := 1.0
	if c.left > 0 {
		share = 1 - (1-c.from)*c.Left(reserve)/c.left
	}
	if c.Most > 0 {
		share = max(share, float64(step)/float64(c.Most))
	}
	if step == c.First { // a run takes a step, however late it is
		share = min(share, c.Share)
	}
	return max(math.Floor(share*1e6)/1e6, c.Share)
}

// Take notes that a step was taken at a share.
func (c *Clock) Take(share float64) {
	c.Share, c.Shares = share, append(c.Shares, share)
	c.Taken++
}

// Logged returns the shares that the log does not have yet, which are in it from now on.
func (c *Clock) Logged() []float64 {
	s := c.Shares
	c.Shares = nil
	return s
}
