package models

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"trit/serve/answer"
)

// withShelf is three models without adapters, whose loads and unloads the shelf notes.
func withShelf(t *testing.T) (*Adapters, *shelf) {
	t.Helper()
	m, s := three(t, 40)
	return WithAdapters(m, func(base *answer.Model, a Adapter) (*answer.Model, io.Closer, error) {
		if a.Path == "damaged" {
			return nil, nil, errors.New("damaged")
		}
		s.note("+" + a.Name + " of " + base.ID)
		out := *base
		return &out, closing(func() { s.note("-" + a.Name) }), nil
	}), s
}

// TestAdaptersComeAndGo loads adapters, chooses them by their names, and unloads them.
func TestAdaptersComeAndGo(t *testing.T) {
	a, s := withShelf(t)
	for _, x := range []Adapter{{Name: "x", Base: "b"}, {Name: "y"}} {
		if err := a.Add(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, i := range a.List() {
		names = append(names, i.ID+":"+i.Base)
	}
	if got := strings.Join(names, " "); got != "a: b: c: x:b y:a" {
		t.Errorf("the list is %s", got)
	}
	for id, base := range map[string]string{"x": "b", "y": "a"} {
		m, release, err := a.Open(t.Context(), id)
		if err != nil || m.ID != id || m.Base != base {
			t.Fatalf("%s: %+v, %v", id, m, err)
		}
		release()
	}
	open(t, a.Models, "c")() // b must go for it
	_, release, err := a.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := a.Remove("x"); err != nil {
		t.Fatal(err)
	}
	want := []string{"+b", "+x of b", "+a", "+y of a", "-b", "+c", "-a", "-c", "+b", "+x of b", "-x"}
	slices.Sort(want)
	slices.Sort(s.events)
	if !slices.Equal(s.events, want) {
		t.Errorf("%v, want %v", s.events, want)
	}
	var unknown *answer.UnknownModelError
	_, _, err = a.Open(t.Context(), "x")
	if !errors.As(err, &unknown) || !slices.Contains(unknown.Known, "y") || !errors.As(a.Remove("x"), &unknown) {
		t.Errorf("after it was unloaded: %v", err)
	}
}

// TestAdaptersThatCannotBeLoaded leave nothing behind.
func TestAdaptersThatCannotBeLoaded(t *testing.T) {
	a, _ := withShelf(t)
	if err := a.Add(t.Context(), Adapter{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	for want, x := range map[string]Adapter{
		"no name": {}, "a model has": {Name: "b"}, "already": {Name: "x"}, "damaged": {Name: "y", Path: "damaged"},
		"nowhere": {Name: "y", Base: "nowhere"}, "257 bytes": {Name: strings.Repeat("a", 257)},
	} {
		if err := a.Add(context.Background(), x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
	for i := range maxAdapters - 1 {
		if err := a.Add(t.Context(), Adapter{Name: "n" + strings.Repeat("i", i%200) + strings.Repeat("j", i/200)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Add(t.Context(), Adapter{Name: "more"}); err == nil || len(a.List()) != 3+maxAdapters {
		t.Errorf("%d models and adapters, %v", len(a.List()), err)
	}
}
