package preference

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/data"
	"trit/format/safetensors"
	_ "trit/internal/testutil" // the flag -golden, which all packages of training accept
	"trit/model"
	"trit/train/graph"
)

// twoPairs are two pairs in rows of six tokens; the second one is padding.
func twoPairs() (*data.Batch, []graph.Pair) {
	b := &data.Batch{
		Tokens:  []int32{1, 2, 3, 4, 0, 0, 1, 2, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Targets: []int32{-1, 3, 4, -1, -1, -1, -1, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
	}
	return b, []graph.Pair{{Targets: [2]int{2, 3}, LogProbs: [2]float64{-4.5, -7.25}}, {}}
}

// A row is known wherever it stands and however it is padded; another one is not.
func TestReferenceKnowsRows(t *testing.T) {
	r := New("data", "model")
	b, pairs := twoPairs()
	got := make([]float64, 4)
	if r.Fill(got, b) {
		t.Error("an empty reference knows rows")
	}
	r.Add(b, pairs)
	if !r.Fill(got, b) || got[0] != -4.5 || got[1] != -7.25 || got[2] != 0 || r.Len() != 2 {
		t.Errorf("%d rows give %v", r.Len(), got)
	}
	shorter := &data.Batch{Tokens: []int32{1, 2, 5, 6, 1, 2, 3, 4}, Targets: []int32{-1, 5, 6, 7, -1, 3, 4, -1}}
	if got := make([]float64, 2); !r.Fill(got, shorter) || got[0] != -7.25 || got[1] != -4.5 {
		t.Errorf("rows of four tokens give %v", got)
	}
	shorter.Targets[1] = 4
	if r.Fill(make([]float64, 2), shorter) {
		t.Error("a row with another target is known")
	}
}

func TestReferenceFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	r := New("data", "model")
	b, pairs := twoPairs()
	r.Add(b, pairs)
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{"model", ""} {
		read, err := Open(path, "data", base)
		if err != nil {
			t.Fatal(err)
		}
		if got := make([]float64, 4); !read.Fill(got, b) || got[1] != -7.25 || read.Len() != 2 {
			t.Errorf("%d rows give %v", read.Len(), got)
		}
	}
	for _, key := range [][2]string{{"other", "model"}, {"data", "other"}} {
		if _, err := Open(path, key[0], key[1]); !errors.Is(err, ErrOther) || !Missing(err) {
			t.Errorf("%v: got %v", key, err)
		}
	}
	if _, err := Open(path+"x", "data", ""); !errors.Is(err, fs.ErrNotExist) || !Missing(err) {
		t.Errorf("got %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-3] ^= 4
	for want, b := range map[string][]byte{"checksum": flipped, "reference.safetensors": whole[:len(whole)-5]} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, "data", ""); err == nil || Missing(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if err := safetensors.WriteFile(path, map[string]string{"dataset": "data"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "data", ""); err == nil || !strings.Contains(err.Error(), rowsTensor) {
		t.Errorf("without its tensor: got %v", err)
	}
}

func TestBadRowsAreRefused(t *testing.T) {
	r := New("data", "model")
	b, pairs := twoPairs()
	pairs[0].LogProbs[0] = math.NaN()
	r.Add(b, pairs)
	for want, b := range map[string][]byte{"multiple of 24": make([]byte, 25), "finite number": r.Encode()} {
		if err := New("", "").Decode(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// What Decode takes, Encode gives back, each row once and in order.
func FuzzDecode(f *testing.F) {
	r := New("data", "model")
	b, pairs := twoPairs()
	r.Add(b, pairs)
	f.Add(r.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r := New("", "")
		if r.Decode(b) != nil {
			return
		}
		again := New("", "")
		if err := again.Decode(r.Encode()); err != nil || again.Len() != r.Len() || !bytes.Equal(again.Encode(), r.Encode()) {
			t.Errorf("%d rows become %d: %v", r.Len(), again.Len(), err)
		}
	})
}

// Any change of model, rounding or weights is another base.
func TestBase(t *testing.T) {
	c := model.Config{VocabSize: 8, HiddenSize: 8, IntermediateSize: 8, NumHiddenLayers: 1, NumAttentionHeads: 1,
		RopeScaling: &model.RotaryScaling{Type: model.RopeLinear, Factor: 2}}
	c.Resolve()
	seen := map[string]bool{}
	add := func(p *graph.Params, lambda float64) {
		base, err := Base(p, lambda)
		if err != nil || seen[base] {
			t.Errorf("a base is seen twice, or failed: %v", err)
		}
		seen[base] = true
	}
	p := graph.NewParams(c, 1)
	add(p, 1)
	add(p, 0)
	p.Value(model.FinalNorm)[3] = 2
	add(p, 1)
	c.RopeScaling = &model.RotaryScaling{Type: model.RopeLinear, Factor: 4}
	other := graph.NewParams(c, 1)
	add(other, 1)
	again := graph.NewParams(c, 1)
	again.Config.RopeScaling = &model.RotaryScaling{Type: model.RopeLinear, Factor: 4}
	if base, err := Base(again, 1); err != nil || !seen[base] {
		t.Errorf("equal models have two bases: %v", err)
	}
}

func TestFigures(t *testing.T) {
	f := Figures{}
	if f.Log() != nil || f.Loss() != 0 {
		t.Error("figures of no pairs")
	}
	pair := func(chosen, rejected, loss float64) graph.Pair {
		return graph.Pair{Targets: [2]int{1, 1}, Rewards: [2]float64{chosen, rejected}, Loss: loss}
	}
	f.Add([]graph.Pair{pair(2, 1, 0.5), {}, pair(-1, 0.5, 1), pair(1, 1, 0.75)})
	other := Figures{}
	other.Add([]graph.Pair{pair(4, -1, 0.25)})
	f.Merge(other)
	want := struct{ chosen, rejected, margin, accuracy, loss float64 }{1.5, 0.375, 1.125, 2.5 / 4, 0.625}
	if l := f.Log(); l.Chosen != want.chosen || l.Rejected != want.rejected || l.Margin != want.margin ||
		l.Accuracy != want.accuracy || f.Loss() != want.loss {
		t.Errorf("got %+v and a loss of %g, want %+v", l, f.Loss(), want)
	}
}
