package convert

import (
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/compare"
	"trit/format/gguf"
	"trit/internal/float16"
)

// groupedSource is the golden Llama in F32, whose matrices are random codes times a scale for each 256
// of a row; signs have no zeros. The function may change the values of a matrix.
func groupedSource(t *testing.T, signs bool, change func(name string, v []float32)) string {
	t.Helper()
	f, err := gguf.Open("../testdata/checkpoints/hf-llama-packed/expected-i2_s.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(41, 1))
	var sources []gguf.Source
	for _, info := range f.Tensors {
		data := f.Data(info)
		if len(info.Dims) == 2 {
			info.Type = gguf.F32
			v := make([]float32, info.Dims[0]*info.Dims[1])
			fillGroups(r, v, signs)
			change(info.Name, v)
			data = make([]byte, 4*len(v))
			if err := gguf.Quantize(gguf.F32, data, v); err != nil {
				t.Fatal(err)
			}
		}
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	path := filepath.Join(t.TempDir(), "source.gguf")
	if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	return path
}

func fillGroups(r *rand.Rand, v []float32, signs bool) {
	scale := float32(0)
	for i := range v {
		if i%256 == 0 {
			scale = float16.FromBits(float16.Bits(0.02 + 0.06*r.Float32()))
		}
		v[i] = scale * float32(r.IntN(3)-1)
		if signs {
			v[i] = scale * float32(r.IntN(2)*2-1)
		}
	}
}

// Weights with a scale a group go from type to type, through folders too, and come back equal.
func TestGroupsFromTypeToType(t *testing.T) {
	for _, signs := range []bool{false, true} {
		types := []Type{Q2, PTQ1, TQ2, PQ2, TQ1, F16}
		if signs {
			types = []Type{Q1, PQ2, Q1, Q2}
		}
		first := groupedSource(t, signs, func(string, []float32) {})
		at := first
		for i, typ := range types {
			next := filepath.Join(t.TempDir(), "next.gguf")
			if i == 2 {
				at = mustConvert(t, at, "folder", Options{Type: F16})
			}
			report, err := Convert(context.Background(), at, next, Options{Type: typ})
			if err != nil {
				t.Fatalf("%s: %v", typ, err)
			}
			for _, d := range report.Verified.Tensors {
				if d.Verdict != compare.Equal {
					t.Errorf("%s: %s is %s", typ, d.Name, d.Verdict)
				}
			}
			at = next
		}
	}
}

// What a type would lose is refused with its place and the reason, and nothing stays.
func TestGroupsThatDoNotFit(t *testing.T) {
	const name = "blk.1.ffn_up.weight"
	third := func(change func(group []float32)) func(string, []float32) {
		return func(tensor string, v []float32) {
			if tensor == name {
				change(v[2*256:][:256])
			}
		}
	}
	for reason, c := range map[string]struct {
		typ    Type
		signs  bool
		change func(group []float32)
	}{
		"has weights of other sizes":         {Q2, false, func(g []float32) { g[70] *= 0.75 }},
		"is not exact in half precision":     {PQ2, false, func(g []float32) { fillWith(g, 0.1) }},
		"which code 3 of a 2-bit type":       {PTQ1, false, func(g []float32) { g[200] = 2 * slices.Max(g) }},
		"has zeros":                          {Q1, true, func(g []float32) { g[130] = 0 }},
		"a group of TQ2_0 is -d, 0 and d":    {TQ2, false, func(g []float32) { scaleBy(g[128:], 2) }},
		"the group of 64 weights from 64 on": {Q2, false, func(g []float32) { g[70] *= 0.75 }},
	} {
		in, out := groupedSource(t, c.signs, third(c.change)), filepath.Join(t.TempDir(), "out.gguf")
		_, err := Convert(context.Background(), in, out, Options{Type: c.typ})
		if err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, reason)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) > 0 {
			t.Errorf("%q: %v stays", reason, left)
		}
	}
}

func fillWith(group []float32, size float32) {
	for i, v := range group {
		if v != 0 {
			group[i] = size
		}
	}
}

func scaleBy(group []float32, factor float32) {
	for i := range group {
		group[i] *= factor
	}
}
