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

func TestUnknownCacheIsRefused(t *testing.T) {
	if _, err := Random(smallConfig(), 1, Options{Cache: "f8"}); err == nil {
		t.Error("cache f8 is accepted")
	}
}
