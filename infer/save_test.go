package infer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/infer/sampling"
	"trit/lm"
)

// savedSessions are sessions that share a prefix, of each number format.
func savedSessions(t *testing.T, format Cache) (*Model, []*Session) {
	t.Helper()
	m, err := Random(smallConfig(), 1, Options{Cache: format})
	if err != nil {
		t.Fatal(err)
	}
	var sessions []*Session
	for i, n := range []int{700, 3, 256, 600} {
		s, err := m.NewSession(1000)
		if err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			if err := s.CopyPrefix(sessions[0], 600); err != nil {
				t.Fatal(err)
			}
		}
		ids := make([]int32, n-s.Len())
		for k := range ids {
			ids[k] = int32((i*17 + k*k) % 200)
		}
		if err := s.Forward(ids, nil, 0); err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	return m, sessions
}

// TestSessionsComeBack saves and loads sessions and goes on with them.
func TestSessionsComeBack(t *testing.T) {
	for _, format := range []Cache{CacheF16, CacheInt8, CacheF32} {
		m, sessions := savedSessions(t, format)
		var b bytes.Buffer
		if err := m.SaveSessions(&b, "m", sessions); err != nil {
			t.Fatal(err)
		}
		if most := m.SessionBytes(700+256+256+256) + 20000; b.Len() > most {
			t.Errorf("%s: %d bytes, want at most %d: what is shared is written once", format, b.Len(), most)
		}
		loaded, err := m.LoadSessions(bytes.NewReader(b.Bytes()), "m", 1000)
		if err != nil || len(loaded) != len(sessions) {
			t.Fatalf("%s: %d sessions (%v)", format, len(loaded), err)
		}
		for i, s := range sessions {
			if !slices.Equal(s.Tokens(), loaded[i].Tokens()) {
				t.Errorf("%s, session %d: other tokens", format, i)
			}
			want, _ := s.Step([]int32{5, 6}, sampling.New(lm.Sampling{}))
			got, err := loaded[i].Step([]int32{5, 6}, sampling.New(lm.Sampling{}))
			if err != nil || got != want {
				t.Errorf("%s, session %d goes on with %d (%v), want %d", format, i, got, err, want)
			}
		}
	}
}

// TestOtherAndDamagedSessions are refused whole.
func TestOtherAndDamagedSessions(t *testing.T) {
	m, sessions := savedSessions(t, CacheF16)
	var b bytes.Buffer
	if err := m.SaveSessions(&b, "m", sessions); err != nil {
		t.Fatal(err)
	}
	other, _ := Random(smallConfig(), 1, Options{Cache: CacheInt8})
	for says, load := range map[string]func() ([]*Session, error){
		"the model is m, not n":        func() ([]*Session, error) { return m.LoadSessions(bytes.NewReader(b.Bytes()), "n", 1000) },
		"the context is 1000, not 999": func() ([]*Session, error) { return m.LoadSessions(bytes.NewReader(b.Bytes()), "m", 999) },
		"the cache is f16, not int8":   func() ([]*Session, error) { return other.LoadSessions(bytes.NewReader(b.Bytes()), "m", 1000) },
	} {
		if s, err := load(); !errors.Is(err, ErrOtherSessions) || !strings.Contains(err.Error(), says) || s != nil {
			t.Errorf("%d sessions, error %v, want %s", len(s), err, says)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		damaged := slices.Clone(b.Bytes())
		if r.IntN(2) == 0 {
			damaged = damaged[:r.IntN(len(damaged))]
		} else {
			damaged[r.IntN(len(damaged))] ^= 1 << r.IntN(8)
		}
		if s, err := m.LoadSessions(bytes.NewReader(damaged), "m", 1000); err == nil || s != nil {
			t.Fatalf("damage is not seen: %d sessions, error %v", len(s), err)
		}
	}
}
