package infer

import (
	"slices"
	"testing"
)

// TestCopiedPrefixes compares what tokens get over a copied cache of another capacity,
// which held something else before.
func TestCopiedPrefixes(t *testing.T) {
	for _, name := range cacheNames {
		m, err := Random(smallConfig(), 5, Options{Cache: name})
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]int32, 320)
		for i := range ids {
			ids[i] = int32(i * 11 % 203)
		}
		from, _ := m.NewSession(330)
		want, got := make([]float32, m.Config().VocabSize), make([]float32, m.Config().VocabSize)
		if err := from.Forward(ids, want, len(ids)-1); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 31, 32, 33, 255, 256, 257, 319} {
			s, _ := m.NewSession(1000)
			if err := s.Forward(ids[100:280], nil, 0); err != nil {
				t.Fatal(err)
			}
			if err := s.CopyPrefix(from, n); err != nil {
				t.Fatal(err)
			}
			if err := s.Forward(ids[n:], got, len(ids)-n-1); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: the logits after a copied prefix of %d tokens differ", name, n)
			}
		}
	}
}

// TestSharedBlocksStayAsTheyAre writes to either session after a block was shared, and
// compares both with sessions that never shared anything.
func TestSharedBlocksStayAsTheyAre(t *testing.T) {
	for _, name := range cacheNames {
		m, err := Random(smallConfig(), 5, Options{Cache: name})
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]int32, 300)
		for i := range ids {
			ids[i] = int32(i * 7 % 203)
		}
		from, _ := m.NewSession(600)
		s, _ := m.NewSession(400)
		if err := from.Forward(ids, nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := s.CopyPrefix(from, 300); err != nil {
			t.Fatal(err)
		}
		if blocks := s.cache[0].(interface{ sharedBlocks() int }).sharedBlocks(); blocks != 1 {
			t.Errorf("%s: %d blocks of 300 tokens are shared, want 1", name, blocks)
		}
		for i, list := range []*Session{from, s, from} {
			list.Truncate(100 + 10*i)
			checkAfter(t, list, append(slices.Clone(list.tokens), ids[20+i:40+i]...), list.Len())
			other := s
			if list == s {
				other = from
			}
			checkAfter(t, other, append(slices.Clone(other.tokens), 5, 6, 7), other.Len())
		}
	}
}

// sharedBlocks is how many blocks may not be written to.
func (c *cache[T]) sharedBlocks() (n int) {
	for _, b := range c.blocks {
		if b.shared.Load() {
			n++
		}
	}
	return n
}

// checkAfter appends what a sequence has more than s, and compares the logits with those
// of a session of its own.
func checkAfter(t *testing.T, s *Session, sequence []int32, have int) {
	t.Helper()
	alone, _ := s.m.NewSession(len(sequence))
	got, want := make([]float32, s.m.config.VocabSize), make([]float32, s.m.config.VocabSize)
	if err := alone.Forward(sequence, want, len(sequence)-1); err != nil {
		t.Fatal(err)
	}
	if err := s.Forward(sequence[have:], got, len(sequence)-have-1); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the logits after %d of %d tokens differ from those of a session that shares nothing", have, len(sequence))
	}
}

// TestCacheTakesMemoryAsTokensCome counts the values of the first layer.
func TestCacheTakesMemoryAsTokensCome(t *testing.T) {
	m, err := Random(smallConfig(), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.NewSession(300)
	c := s.cache[0].(*cache[uint16])
	if len(c.blocks) != 0 {
		t.Errorf("an empty session has %d blocks", len(c.blocks))
	}
	for _, step := range []struct{ tokens, positions int }{{1, 256}, {255, 256}, {1, 256 + 64}} {
		if err := s.Forward(make([]int32, step.tokens), nil, 0); err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, b := range c.blocks {
			bytes += 2 * (len(b.keys) + len(b.values))
		}
		if want := step.positions * m.Memory().CacheBytesPerToken / m.Config().NumHiddenLayers; bytes != want {
			t.Errorf("a layer of %d tokens takes %d bytes, want %d", s.Len(), bytes, want)
		}
	}
}

func TestUnknownOptionsAreNamed(t *testing.T) {
	for want, o := range map[string]Options{
		`Options.Cache is "f8": want f16, int8 or f32`:              {Cache: "f8"},
		`Options.Head is "half": want exact, bounded, q6_k or int8`: {Head: "half"},
		`Options.Weights is "3bit": want auto, 2bit or 1.6bit`:      {Weights: "3bit"},
	} {
		if _, err := Random(smallConfig(), 1, o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
