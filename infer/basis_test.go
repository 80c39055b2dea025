package infer

import (
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/internal/testutil"
	"trit/model"
)

// sylvester is row i of H(s*x) / sqrt(block), by the definition of H, in float64.
func sylvester(x []float32, signs []int8, block int) []float32 {
	out := make([]float32, len(x))
	for i := range out {
		sum, at := 0.0, i/block*block
		for j := range block {
			sum += float64(x[at+j]) * float64(signs[at+j]) * float64(1-2*(bits.OnesCount(uint(i%block&j))&1))
		}
		out[i] = float32(sum / math.Sqrt(float64(block)))
	}
	return out
}

// rotatedGGUF is a file of F32 whose named weights are rotated by the formula, with PrismML's keys.
func rotatedGGUF(t *testing.T, path string, block int, names func(name string) bool) string {
	t.Helper()
	return regroupedGGUF(t, path, block, names, nil, false)
}

// regroupedGGUF is rotatedGGUF of a hybrid, whose named weights are F32. Rows of ssm_out are rotated in grouped order of value heads if
// its heads are given, and the file says whether they are.
func regroupedGGUF(t *testing.T, path string, block int, names func(name string) bool, heads *model.DeltaNet, said bool) string {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	widths, inputs, tables := map[string]int{}, []string{}, []string{}
	for _, info := range f.Tensors {
		if len(info.Dims) != 2 || !names(info.Name) {
			continue
		}
		widths[info.Name] = int(info.Dims[0])
		if info.Name == "token_embd.weight" {
			tables = append(tables, info.Name)
		} else {
			inputs = append(inputs, info.Name)
		}
	}
	r, signs, values := rand.New(rand.NewPCG(9, 1)), map[int][]int8{}, []int8{}
	all := slices.Compact(slices.Sorted(maps.Values(widths)))
	for _, width := range all {
		for range width {
			signs[width] = append(signs[width], int8(2*r.IntN(2)-1))
		}
		values = append(values, signs[width]...)
	}
	return rewritten(t, path, func(from, to *gguf.Metadata) {
		for _, key := range from.Keys {
			v, _ := from.Get(key)
			to.Set(key, v)
		}
		for key, v := range map[string]any{
			"version": uint32(1), "block_size": uint32(block), "transform": "normalized-sylvester-walsh-hadamard",
			"axis": "input-last-dimension", "sign_mode": "explicit", "sign_widths": toInt32(all), "sign_values": values,
			"weight_names": inputs, "inverse_weight_names": tables, "gdn_v_grouped": said,
		} {
			to.Set("prism.hadamard."+key, v)
		}
	}, func(name string, v []float32) {
		width := widths[name]
		for ; width > 0 && len(v) > 0; v = v[width:] {
			if heads != nil && strings.HasSuffix(name, ".ssm_out.weight") {
				copy(v[:width], inGroups(v[:width], heads))
			}
			copy(v[:width], sylvester(v[:width], signs[width], block))
		}
	})
}

// inGroups is a row with value heads that read the same key head side by side: in tiled order, value head v
// reads key head v mod KeyHeads.
func inGroups(row []float32, d *model.DeltaNet) (out []float32) {
	for key := range d.KeyHeads {
		for v := range d.ValueHeads {
			if v%d.KeyHeads == key {
				out = append(out, row[v*d.HeadDim:][:d.HeadDim]...)
			}
		}
	}
	return out
}

func toInt32(v []int) (out []int32) {
	for _, x := range v {
		out = append(out, int32(x))
	}
	return out
}

// A model rotated by the formula has the logits, scores and embeddings of the model: all of it, and with
// weights in the basis beside weights that are not, of the same input.
func TestRotatedBasis(t *testing.T) {
	plain := groupedGGUF(t, gguf.F32, false)
	tokens := []int32{3, 99, 7, 250, 12, 12, 80, 1, 44, 5}
	want, s := loadModel(t, plain, Options{})
	vector := embed(t, s, tokens)
	for what, names := range map[string]func(string) bool{
		"all":           func(string) bool { return true },
		"but the table": func(name string) bool { return name != "token_embd.weight" },
		"but the head":  func(name string) bool { return name != "output.weight" },
		"some":          func(name string) bool { return strings.Contains(name, "_k.") || strings.Contains(name, "_up.") },
	} {
		got, s := loadModel(t, rotatedGGUF(t, plain, 64, names), Options{})
		if e := testutil.RelativeL2(logitsOf(t, got, tokens), logitsOf(t, want, tokens)); !(e <= 1e-5) {
			t.Errorf("%s: the logits err by %g", what, e)
		}
		if a, b := scoreOf(t, got, tokens), scoreOf(t, want, tokens); !(math.Abs(a-b) <= 1e-5*math.Abs(b)) {
			t.Errorf("%s: the score is %g, want %g", what, a, b)
		}
		if e := testutil.RelativeL2(embed(t, s, tokens), vector); !(e <= 1e-5) {
			t.Errorf("%s: the embedding errs by %g", what, e)
		}
	}
}

// A hybrid rotated by the formula, with value heads in grouped order and without, has the logits of the
// model. A file that says the wrong order has not, so the key is not ignored.
func TestRotatedHybrid(t *testing.T) {
	c := testutil.Hybrid()
	c.DeltaNet.ValueHeads = 3 * c.DeltaNet.KeyHeads // of 2 for each of 2 key heads, both orders would be one move
	c.Resolve()
	plain, exact := testutil.HybridGGUF(t, c, gguf.F32, 1), Options{Activations: ActivationsFloat, Cache: CacheF32}
	tokens := randomIDs(40, c.VocabSize, 4)
	m, _ := loadModel(t, plain, exact)
	want := logitsOf(t, m, tokens)
	matrices := func(name string) bool { return strings.HasPrefix(name, "blk.") && !strings.Contains(name, "conv1d") }
	results := func(name string) bool { return strings.Contains(name, "ssm_out") }
	others := func(name string) bool { return matrices(name) && !results(name) }
	for _, f := range []struct {
		what     string
		names    func(string) bool
		is, said bool // in grouped order
		same     bool
	}{
		{"tiled", matrices, false, false, true}, {"grouped", matrices, true, true, true},
		{"grouped, ssm_out alone", results, true, true, true}, {"grouped, but not in the basis", others, false, true, true},
		{"grouped, said to be tiled", matrices, true, false, false}, {"tiled, said to be grouped", matrices, false, true, false},
	} {
		heads := &c.DeltaNet
		if !f.is {
			heads = nil
		}
		m, _ := loadModel(t, regroupedGGUF(t, plain, 128, f.names, heads, f.said), exact)
		e := testutil.RelativeL2(logitsOf(t, m, tokens), want)
		if f.same && !(e <= 1e-5) || !f.same && !(e > 0.1) {
			t.Errorf("%s: the logits err by %g", f.what, e)
		}
	}
}

// Every way of computing the head takes its input in the basis, and chooses the tokens of the plain one.
func TestHeadsInABasis(t *testing.T) {
	plain := groupedGGUF(t, gguf.F32, false)
	rotated := rotatedGGUF(t, plain, 256, func(string) bool { return true })
	for _, head := range []Head{HeadBounded, HeadQ6K, HeadInt8} {
		want, _ := loadModel(t, plain, Options{Head: head})
		got, _ := loadModel(t, rotated, Options{Head: head})
		tokens := []int32{3, 99, 7, 250}
		if a, b := scoreOf(t, got, tokens), scoreOf(t, want, tokens); !(math.Abs(a-b) <= 0.05*math.Abs(b)) {
			t.Errorf("%s: the score is %g, want about %g", head, a, b)
		}
	}
}
