package alert

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Alert is a rule that was broken for a while.
type Alert struct {
	State  State     `json:"state"`
	Rule   string    `json:"rule"`
	Metric Metric    `json:"metric"`
	Limit  float64   `json:"limit"`
	Worst  float64   `json:"worst"` // value
	Since  time.Time `json:"since"` // when the value became bad
	Raised time.Time `json:"raised"`
	Ended  time.Time `json:"ended,omitzero"` // zero: it has not
}

// State is whether an alert has ended.
type State string

// States of an alert.
const (
	Raised State = "raised"
	Ended  State = "ended"
)

// Value is the worst value for people.
func (a *Alert) Value() string { return a.Metric.format(a.Worst) }

// maxPast is how many ended alerts are remembered.
const maxPast = 100

// Watch holds rules and their alerts. Its methods may be called at the same time.
type Watch struct {
	on func(Alert)

	mu     sync.Mutex
	states []*state
	past   []Alert // the last to end is the last
}

// state is a rule in time.
type state struct {
	rule    Rule
	alert   *Alert    // nil: none
	turning time.Time // since when the value is bad without an alert, or good with one; zero: it is not
	worst   float64   // since turning to bad
}

// New makes a Watch, which calls on, unless it is nil, with each alert that begins and ends.
func New(rules []Rule, on func(Alert)) (*Watch, error) {
	w := &Watch{on: on}
	for _, r := range rules {
		if err := r.Validate(); err != nil {
			return nil, err
		}
		w.states = append(w.states, &state{rule: r})
	}
	return w, nil
}

// Values are metrics now. One that is not there, or is NaN, has nothing that it could measure.
type Values map[Metric]float64

// Check looks at values. Times must not go back.
func (w *Watch) Check(now time.Time, values Values) {
	w.mu.Lock()
	var changed []Alert
	for _, s := range w.states {
		v, ok := values[s.rule.Metric]
		if !ok {
			v = math.NaN()
		}
		if a := s.check(now, v); a != nil {
			changed = append(changed, *a)
			if a.State == Ended {
				w.past = append(w.past[max(0, len(w.past)+1-maxPast):], *a)
			}
		}
	}
	w.mu.Unlock()
	if w.on != nil {
		for _, a := range changed {
			w.on(a)
		}
	}
}

// check returns the alert that begins or ends.
func (s *state) check(now time.Time, v float64) *Alert {
	turns := s.rule.bad(v)
	if s.alert != nil {
		turns = s.rule.good(v)
		s.alert.Worst = s.rule.worse(s.alert.Worst, v)
	}
	if !turns {
		s.turning = time.Time{}
		return nil
	}
	if s.turning.IsZero() {
		s.turning, s.worst = now, v
	}
	s.worst = s.rule.worse(s.worst, v)
	if now.Sub(s.turning) < s.rule.For {
		return nil
	}
	a := s.alert
	if a == nil {
		a = &Alert{
			State: Raised, Rule: s.rule.String(), Metric: s.rule.Metric, Limit: s.rule.Limit, Worst: s.worst,
			Since: s.turning, Raised: now,
		}
		s.alert = a
	} else {
		a.State, a.Ended, s.alert = Ended, now, nil
	}
	s.turning = time.Time{}
	return a
}

// worse returns the worse one of two values.
func (r *Rule) worse(a, b float64) float64 {
	switch {
	case math.IsNaN(b):
		return a
	case math.IsNaN(a):
		return b
	case r.Metric.below():
		return min(a, b)
	}
	return max(a, b)
}

// Lists are alerts now, and those that have ended, the last one first.
type Lists struct {
	Active []Alert `json:"active"`
	Past   []Alert `json:"past"`
}

// Lists returns all alerts that are remembered: the last 100 that have ended are.
func (w *Watch) Lists() Lists {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := Lists{Active: []Alert{}, Past: slices.Clone(w.past)}
	slices.Reverse(l.Past)
	if l.Past == nil {
		l.Past = []Alert{}
	}
	for _, s := range w.states {
		if s.alert != nil {
			l.Active = append(l.Active, *s.alert)
		}
	}
	return l
}
