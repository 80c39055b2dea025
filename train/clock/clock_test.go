package clock

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"
)

// hand is a clock that a test moves.
type hand struct{ at time.Time }

func (h *hand) now() time.Time       { return h.at }
func (h *hand) move(seconds float64) { h.at = h.at.Add(time.Duration(seconds * float64(time.Second))) }

// takeAll takes steps of given seconds until the time is over, and returns the shares.
func takeAll(c *Clock, h *hand, seconds func(step int) float64, reserve float64) []float64 {
	var shares []float64
	for step := c.Taken; ; step++ {
		share := c.Next(step, reserve)
		if share >= 1 {
			return shares
		}
		c.Take(share)
		shares = append(shares, share)
		h.move(seconds(step))
	}
}

// A run ends with its time and has gone through its plan, whether it becomes slower or faster.
func TestAnyLoad(t *testing.T) {
	for name, seconds := range map[string]func(step int) float64{
		"even":   func(int) float64 { return 1 },
		"slower": func(step int) float64 { return 1 + 3*float64(step/50%2) },
		"faster": func(step int) float64 { return max(0.2, 3-float64(step)/10) },
	} {
		h := &hand{time.Unix(1e9, 0)}
		c := New(h.now(), h.now)
		c.Fill(180, 0, 0)
		h.move(10) // to read the data
		c.Begin(5)
		shares := takeAll(c, h, seconds, 5)
		if over := c.Used() - 175; over < 0 || over > 4 {
			t.Errorf("%s: %d steps ended at %g s of 175", name, len(shares), c.Used())
		}
		if shares[0] != 0 || shares[len(shares)-1] < 0.97 || !slices.IsSorted(shares) {
			t.Errorf("%s: shares from %g to %g", name, shares[0], shares[len(shares)-1])
		}
	}
}

// What goes on after a stop has the time that was left at the checkpoint, and its shares go on.
func TestGoesOn(t *testing.T) {
	h := &hand{time.Unix(1e9, 0)}
	c := New(h.now(), h.now)
	c.Fill(100, 0, 0)
	c.Begin(0)
	for step := range 40 {
		c.Take(c.Next(step, 0))
		h.move(1)
	}
	b, err := json.Marshal(c.Save())
	if err != nil {
		t.Fatal(err)
	}
	h.move(1e6) // killed, and nobody saw it for days
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	again := New(h.now(), h.now)
	again.Restore(s)
	h.move(6)
	again.Begin(0)
	shares := takeAll(again, h, func(int) float64 { return 1 }, 0)
	if len(shares) != 54 || math.Abs(again.Used()-100) > 1 {
		t.Errorf("%d steps after a stop at 40 of 100, up to %g s", len(shares), again.Used())
	}
	if got := append(again.Logged(), again.Logged()...); len(got) != 94 || got[39] != 0.39 || got[40] != 0.39 {
		t.Errorf("%d shares, %v", len(got), got[38:42])
	}
}

// A run takes a step even if its time is over before, and ends if its pairs are all read.
func TestEnds(t *testing.T) {
	h := &hand{time.Unix(1e9, 0)}
	c := New(h.now(), h.now)
	h.move(50)
	c.Fill(10, 0, 0)
	c.Begin(100)
	if n := len(takeAll(c, h, func(int) float64 { return 1 }, 100)); n != 1 {
		t.Errorf("%d steps in no time, want 1", n)
	}
	c = New(h.now(), h.now)
	c.Fill(1000, 0, 0)
	c.Most = 20
	c.Begin(0)
	if n := len(takeAll(c, h, func(int) float64 { return 1 }, 0)); n != 20 {
		t.Errorf("%d steps, want the most, 20", n)
	}
}

// Seconds for the end that turn out to be fewer do not take the share back.
func TestNeverFalls(t *testing.T) {
	h := &hand{time.Unix(1e9, 0)}
	c := New(h.now(), h.now)
	c.Fill(100, 0, 0)
	c.Begin(10)
	h.move(45)
	c.Take(c.Next(1, 40))
	if got := c.Next(2, 0); got != c.Share || got < 0.5 {
		t.Errorf("share %g after %g", got, c.Share)
	}
}
