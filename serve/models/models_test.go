package models

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
)

// shelf loads models that are nothing but their names.
type shelf struct {
	mu     sync.Mutex
	events []string
	fail   error
}

func (s *shelf) note(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event)
}

func (s *shelf) load(_ context.Context, i answer.Info) (*answer.Model, io.Closer, error) {
	if s.fail != nil {
		return nil, nil, s.fail
	}
	time.Sleep(5 * time.Millisecond)
	s.note("+" + i.ID)
	return &answer.Model{Info: i}, closing(func() { s.note("-" + i.ID) }), nil
}

type closing func()

func (c closing) Close() error { c(); return nil }

func three(t *testing.T, memory int64) (*Models, *shelf) {
	t.Helper()
	s := &shelf{}
	m, err := New([]answer.Info{{ID: "a", Bytes: 10}, {ID: "b", Bytes: 20}, {ID: "c", Bytes: 30}}, Options{Memory: memory, Load: s.load})
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

func open(t *testing.T, m *Models, id string) func() {
	t.Helper()
	model, release, err := m.Open(t.Context(), id)
	if err != nil || id != "" && model.ID != id {
		t.Fatalf("%s: %v", id, err)
	}
	return release
}

func TestModelsAreLoadedOnceAndUnloadedForOthers(t *testing.T) {
	m, s := three(t, 40)
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() { open(t, m, "")() })
	}
	users.Wait()
	open(t, m, "b")()
	open(t, m, "a")()
	open(t, m, "c")() // makes space by b, which was not used for longest
	if got := m.Loaded(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%v are loaded", got)
	}
	m.Close()
	if got := strings.Join(s.events, " "); got != "+a +b -b +c -a -c" {
		t.Errorf("events %s", got)
	}
}

func TestModelsInUseStay(t *testing.T) {
	m, _ := three(t, 40)
	release := open(t, m, "b")
	var busy *lm.BusyError
	if _, _, err := m.Open(t.Context(), "c"); !errors.As(err, &busy) || busy.RetryAfter <= 0 {
		t.Errorf("beside a model in use: %v", err)
	}
	release()
	release() // counts once
	open(t, m, "c")()
}

func TestIdleModelsAreUnloaded(t *testing.T) {
	m, s := three(t, 0)
	open(t, m, "a")()
	release := open(t, m, "b")
	m.sweep(time.Now().Add(time.Second))
	if got := m.Loaded(); !slices.Equal(got, []string{"b"}) || s.events[2] != "-a" {
		t.Errorf("%v are loaded, events %v", got, s.events)
	}
	release()
}

func TestModelsRefuse(t *testing.T) {
	m, s := three(t, 0)
	var unknown *answer.UnknownModelError
	if _, _, err := m.Open(t.Context(), "d"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "a, b, c") {
		t.Errorf("an unknown model: %v", err)
	}
	s.fail = errors.New("it is broken")
	if _, _, err := m.Open(t.Context(), "a"); !errors.Is(err, s.fail) {
		t.Errorf("a broken model: %v", err)
	}
	s.fail = nil
	open(t, m, "a")()
	for want, list := range map[string][]answer.Info{
		"no model": nil, "two models": {{ID: "a"}, {ID: "a"}}, "takes 2 MB": {{ID: "a", Bytes: 2 << 20}},
	} {
		if _, err := New(list, Options{Memory: 1 << 20}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
