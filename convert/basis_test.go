package convert

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"trit/convert/source"
	"trit/format/gguf"
)

// plainSource is a random model in F32.
func plainSource(t *testing.T) string {
	return groupedSource(t, false, func(_ string, v []float32) {
		for i := range v {
			v[i] = v[i]*1.5 + 0.01*float32(i%7-3)
		}
	})
}

// A model goes into a rotated basis, from type to type in it, into another one, and out again; all are
// the same model.
func TestRotateAndBack(t *testing.T) {
	plain := plainSource(t)
	rotated := mustConvert(t, plain, "rotated.gguf", Options{Rotate: 64})
	half := mustConvert(t, rotated, "half.gguf", Options{Type: F16})
	other := mustConvert(t, rotated, "other.gguf", Options{Rotate: 256})
	back := mustConvert(t, rotated, "back.gguf", Options{Unrotate: true})
	folder := mustConvert(t, other, "folder", Options{Unrotate: true, Type: F32})
	for path, block := range map[string]int{rotated: 64, half: 64, other: 256, back: 0, folder: 0} {
		c, name := configOf(t, path), filepath.Base(path)
		if b := c.Basis; (b != nil) != (block > 0) || b != nil && b.Block != block {
			t.Errorf("%s: the basis is %v, want blocks of %d", name, b, block)
		}
		if same := compared(t, rotated, path); !same.Same {
			t.Errorf("%s: %s", name, same.Summary())
		}
		same := compared(t, plain, path)
		if !same.Same && block > 0 {
			t.Errorf("%s: %s", name, same.Summary())
		}
		for _, d := range same.Tensors { // of half precision, or rounded twice to float32
			if limit := 1e-6; d.Error > limit && name != "half.gguf" {
				t.Errorf("%s: %s errs by %g", name, d.Name, d.Error)
			}
		}
	}
}

// Weights in a basis are the model's only with the keys of that basis.
func TestOtherBasisIsAnotherModel(t *testing.T) {
	plain := plainSource(t)
	rotated := mustConvert(t, plain, "rotated.gguf", Options{Rotate: 64})
	flipped := regguf(t, rotated, func(c *contents) {
		values := c.meta["prism.hadamard.sign_values"].([]int8)
		values[3] = -values[3]
	})
	lost := regguf(t, rotated, func(c *contents) {
		for key := range c.meta {
			if strings.HasPrefix(key, "prism.hadamard.") {
				delete(c.meta, key)
			}
		}
	})
	for name, path := range map[string]string{"a sign flipped": flipped, "keys lost": lost} {
		if same := compared(t, plain, path); same.Same {
			t.Errorf("%s: it is said to be the same model", name)
		}
	}
}

func TestRotateThatIsRefused(t *testing.T) {
	plain := plainSource(t)
	rotated := mustConvert(t, plain, "rotated.gguf", Options{Rotate: 64})
	for want, c := range map[string]struct {
		in, out string
		o       Options
	}{
		"want a power of two":                         {plain, "x.gguf", Options{Rotate: 48}},
		"Rotate -8: a block of -8":                    {plain, "x.gguf", Options{Rotate: -8}},
		"needs a multiple of the block, 4096":         {plain, "x.gguf", Options{Rotate: 4096}},
		"ternary weights with one scale":              {packedGolden, "x.gguf", Options{Rotate: 64}},
		"a group of Q2_0 is":                          {plain, "x.gguf", Options{Rotate: 64, Type: Q2}},
		"Rotate is for GGUF files":                    {plain, "x", Options{Rotate: 64}},
		"of which a folder has no keys":               {rotated, "x", Options{}},
		"Weights masters is for weights as they were": {rotated, "x.gguf", Options{Options: source.Options{Weights: source.WeightsMasters}}},
	} {
		_, err := Convert(context.Background(), c.in, filepath.Join(t.TempDir(), c.out), c.o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// A file of PrismML's types stays in its basis from type to type.
func TestGroupsInABasis(t *testing.T) {
	first := groupedSource(t, false, func(string, []float32) {})
	keys := mustConvert(t, plainSource(t), "keys.gguf", Options{Rotate: 256})
	f, err := gguf.Open(keys)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := regguf(t, first, func(c *contents) {
		for _, key := range f.Metadata.Keys {
			if strings.HasPrefix(key, "prism.hadamard.") {
				c.meta[key], _ = f.Metadata.Get(key)
			}
		}
	})
	for _, typ := range []Type{PQ2, PTQ1, Q2} {
		next := mustConvert(t, at, "next.gguf", Options{Type: typ})
		if same := compared(t, at, next); !same.Same || configOf(t, next).Basis == nil {
			t.Errorf("%s: %s", typ, same.Summary())
		}
		at = next
	}
}
