package compare_test

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert"
	"trit/convert/compare"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/internal/testutil"
	"trit/model"
)

// TestHybridsAreConverted writes hybrids in other types, which Convert compares with their sources.
func TestHybridsAreConverted(t *testing.T) {
	for _, c := range []struct {
		from, to gguf.Type
		name     convert.Type
	}{{gguf.F32, gguf.F16, convert.F16}, {gguf.PQ2_0, gguf.PTQ1_0, convert.PTQ1}} {
		in := testutil.HybridGGUF(t, testutil.Hybrid(), c.from, 1)
		out := filepath.Join(t.TempDir(), "out.gguf")
		if _, err := convert.Convert(t.Context(), in, out, convert.Options{Type: c.name, EmbeddingType: convert.F16}); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		taps, _ := f.Tensor("blk.0.ssm_conv1d.weight")
		qkv, _ := f.Tensor("blk.0.attn_qkv.weight")
		if taps.Type != gguf.F32 || qkv.Type != c.to {
			t.Errorf("%s became %s, and the convolution %s", c.from, qkv.Type, taps.Type)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A hybrid whose ssm_out was rotated in grouped order of value heads comes back in tiled order, and is the
// same model in another basis and type; without the key it is another one.
func TestGroupedHeadsInABasis(t *testing.T) {
	c := testutil.Hybrid()
	c.DeltaNet.ValueHeads = 3 * c.DeltaNet.KeyHeads // of 2 for each of 2 key heads, both orders would be one move
	c.Resolve()
	plain := testutil.HybridGGUF(t, c, gguf.F32, 1)
	moved := rewritten(t, plain, func(_ *gguf.Metadata, name string, data []byte) {
		if strings.HasSuffix(name, ".ssm_out.weight") {
			inGroups(data, &c.DeltaNet)
		}
	})
	tiled := converted(t, moved, convert.Options{Rotate: 128})
	grouped := rewritten(t, tiled, func(m *gguf.Metadata, _ string, _ []byte) { m.Set("prism.hadamard.gdn_v_grouped", true) })
	for what, path := range map[string]string{
		"as it was": plain, "another type": converted(t, grouped, convert.Options{Type: convert.F16}),
		"another basis": converted(t, grouped, convert.Options{Rotate: 64}),
		"no basis":      converted(t, grouped, convert.Options{Unrotate: true}),
	} {
		if same := compared(t, grouped, path); !same.Same {
			t.Errorf("%s: %s", what, same.Summary())
		}
	}
	if same := compared(t, plain, tiled); same.Same {
		t.Error("the order of the heads is ignored")
	}
}

// inGroups moves the value heads of rows in F32 that read the same key head side by side: in tiled order,
// value head v reads key head v mod KeyHeads.
func inGroups(rows []byte, d *model.DeltaNet) {
	head := 4 * d.HeadDim
	for row := range slices.Chunk(rows, 4*d.ValueDim()) {
		tiled, at := slices.Clone(row), 0
		for key := range d.KeyHeads {
			for v := key; v < d.ValueHeads; v += d.KeyHeads {
				at += copy(row[at:], tiled[v*head:][:head])
			}
		}
	}
}

// rewritten is a copy of a file, changed tensor by tensor.
func rewritten(t *testing.T, path string, change func(m *gguf.Metadata, name string, data []byte)) string {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sources []gguf.Source
	for _, info := range f.Tensors {
		data := slices.Clone(f.Data(info))
		change(&f.Metadata, info.Name, data)
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	out := filepath.Join(t.TempDir(), "rewritten.gguf")
	if err := gguf.WriteFile(out, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	return out
}

func converted(t *testing.T, in string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "converted.gguf")
	if _, err := convert.Convert(t.Context(), in, out, o); err != nil {
		t.Fatal(err)
	}
	return out
}

func compared(t *testing.T, a, b string) *compare.Comparison {
	t.Helper()
	var models [2]*source.Model
	for i, path := range []string{a, b} {
		m, err := source.Open(path, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		models[i] = m
	}
	c, err := compare.Models(t.Context(), models[0], models[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
