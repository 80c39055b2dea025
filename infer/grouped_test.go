package infer

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/internal/float16"
	"trit/internal/testutil"
)

// groupedGGUF is the golden Llama with other matrices: in each of them random weights -d, 0 and d, or
// -d and d if they are signs, with a scale d for each 256 of a row. They are the same for all types.
func groupedGGUF(t *testing.T, typ gguf.Type, signs bool) string {
	t.Helper()
	f, err := gguf.Open("../testdata/checkpoints/hf-llama-packed/expected-i2_s.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(31, 1))
	var sources []gguf.Source
	for _, info := range f.Tensors {
		data := f.Data(info)
		if len(info.Dims) == 2 {
			info.Type = typ
			data = randomGroups(t, r, typ, info.Dims, signs)
		}
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	path := filepath.Join(t.TempDir(), "grouped.gguf")
	if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	return path
}

func randomGroups(t *testing.T, r *rand.Rand, typ gguf.Type, dims []uint64, signs bool) []byte {
	t.Helper()
	values, scale := make([]float32, dims[0]*dims[1]), float32(0)
	for i := range values {
		if i%256 == 0 {
			scale = float16.FromBits(float16.Bits(0.02 + 0.06*r.Float32()))
		}
		code := r.IntN(3) - 1
		if signs {
			code = r.IntN(2)*2 - 1
		}
		values[i] = scale * float32(code)
	}
	size, err := typ.Size(dims)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	if err := gguf.Quantize(typ, data, values); err != nil {
		t.Fatal(err)
	}
	return data
}

// The types of groups are forms of the same weights. With floats nothing is rounded, so the logits
// have the bits of F32. With int8 those of equal groups have the same bits, and are near.
func TestTypesOfGroups(t *testing.T) {
	tokens := []int32{3, 99, 7, 250, 12, 12, 80, 1, 44, 5}
	logits := func(typ gguf.Type, signs bool, how Activations) []float32 {
		m, err := Load(groupedGGUF(t, typ, signs), Options{Threads: 2, Activations: how})
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		defer m.Close()
		return logitsOf(t, m, tokens)
	}
	for _, signs := range []bool{false, true} {
		exact, rounded := logits(gguf.F32, signs, ""), logits(gguf.PQ2_0, signs, ActivationsInt8)
		if e := testutil.RelativeL2(rounded, exact); e == 0 || e > 0.03 {
			t.Errorf("int8 activations, signs %v: the logits err by %g", signs, e)
		}
		types := []gguf.Type{gguf.Q2_0, gguf.PQ2_0, gguf.PTQ1_0, gguf.TQ1_0, gguf.TQ2_0}
		if signs {
			types = []gguf.Type{gguf.Q1_0, gguf.Q2_0, gguf.PQ2_0}
		}
		for _, typ := range types {
			if got := logits(typ, signs, ActivationsFloat); !slices.Equal(got, exact) {
				t.Errorf("%v, signs %v: with float activations the logits are not those of F32", typ, signs)
			}
			got := logits(typ, signs, "")
			if typ == gguf.Q2_0 { // sums of half as many columns
				if e := testutil.RelativeL2(got, rounded); e > 1e-4 {
					t.Errorf("%v, signs %v: the logits differ from those of PQ2_0 by %g", typ, signs, e)
				}
			} else if !slices.Equal(got, rounded) {
				t.Errorf("%v, signs %v: the logits are not those of PQ2_0", typ, signs)
			}
		}
	}
}

// A token has the same bits alone as among others.
func TestGroupsByPieces(t *testing.T) {
	m, err := Load(groupedGGUF(t, gguf.Q2_0, false), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tokens := make([]int32, 40)
	for i := range tokens {
		tokens[i] = int32(7 * i % 200)
	}
	want, v := logitsOf(t, m, tokens), m.config.VocabSize
	s, err := m.NewSession(len(tokens))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(tokens); {
		n := min(1+at%5, len(tokens)-at)
		got := make([]float32, n*v)
		if err := s.Forward(tokens[at:at+n], got, 0); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want[at*v:(at+n)*v]) {
			t.Fatalf("tokens %d to %d have other logits alone", at, at+n)
		}
		at += n
	}
}

func TestMemoryOfGroups(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.Q1_0, gguf.Q2_0, gguf.PQ2_0} {
		path := groupedGGUF(t, typ, true)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(path, Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		u := m.Memory()
		m.Close()
		if got, limit := u.Weights+u.Head, info.Size()*11/10; int64(got) > limit || u.Format != "groups" {
			t.Errorf("%v: %d bytes in %s, want at most %d", typ, got, u.Format, limit)
		}
	}
}

// A factor beside a weight with a scale a group has no place: the engine would not compute it.
func TestFactorBesideGroups(t *testing.T) {
	f, err := gguf.Open(groupedGGUF(t, gguf.TQ2_0, false))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sources := []gguf.Source{{Name: "blk.0.attn_q.scale", Type: gguf.F32, Dims: []uint64{1},
		Write: func(w io.Writer) error { _, err := w.Write([]byte{0, 0, 0, 64}); return err }}}
	for _, info := range f.Tensors {
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(f.Data(info)); return err }})
	}
	path := filepath.Join(t.TempDir(), "factor.gguf")
	if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, Options{}); err == nil || !strings.Contains(err.Error(), "blk.0.attn_q.scale") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownActivations(t *testing.T) {
	_, err := Load(groupedGGUF(t, gguf.Q2_0, false), Options{Activations: "int4"})
	if err == nil || !strings.Contains(err.Error(), "Activations") {
		t.Errorf("got %v", err)
	}
}
