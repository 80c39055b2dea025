//go:build conformance

package graph

import (
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/model"
)

// A student learns from PyTorch's logits of its teacher, and from the teacher's graph. The losses are
// within 1e-3 and the gradients within 2e-2 of PyTorch's.
func TestGoldenDistillation(t *testing.T) {
	for _, path := range testutil.TuningGoldens(t, "../../../shared/golden/finetune", "distill") {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenDistillation(t, path) })
	}
}

func testGoldenDistillation(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	var recipe struct{ Temperature, Alpha float64 }
	if err := json.Unmarshal([]byte(f.Metadata()["distill"]), &recipe); err != nil {
		t.Fatal(err)
	}
	p := goldenParams(t, f)
	info, _ := f.Tensor("tokens")
	batch, length := info.Shape[0], info.Shape[1]-1
	tokens, err := f.Int32("tokens")
	if err != nil {
		t.Fatal(err)
	}
	fill := func(d *Decoder) {
		for b := range batch {
			row := tokens[b*(length+1):][:length+1]
			copy(d.Tokens()[b*length:], row[:length])
			copy(d.Targets()[b*length:], row[1:])
		}
	}
	for name, teacher := range map[string]Teacher{
		"logits": &fixedTeacher{vocab: p.Config.VocabSize, logits: testutil.Floats(t, f, "teacher_logits")},
		"graph":  goldenTeacher(t, f, batch, length, fill),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := New(p, Options{Batch: batch, SequenceLength: length, Backward: true,
				Distill: &Distillation{Teacher: teacher, Alpha: recipe.Alpha, Temperature: recipe.Temperature}})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			fill(d)
			ce, err := d.Run()
			if err != nil {
				t.Fatal(err)
			}
			kl, _ := d.Distilled()
			loss := (1-recipe.Alpha)*float64(ce) + recipe.Alpha*kl
			for what, got := range map[string]float64{"ce": float64(ce), "kl": kl, "loss": loss} {
				if e := math.Abs(got - float64(testutil.Floats(t, f, what)[0])); !(e < 1e-3) {
					t.Errorf("%s %g differs by %.2g", what, got, e)
				} else {
					t.Logf("%s differs by %.2g", what, e)
				}
			}
			for _, spec := range p.Specs() {
				checkClose(t, "grad "+spec.Name, d.Grad(spec.Name), testutil.Floats(t, f, "grad."+spec.Name), 2e-2)
			}
		})
	}
}

// graphTeacher is a graph that has run.
type graphTeacher struct{ *Decoder }

func (g graphTeacher) Logits(dst []float32, lo, hi int) error {
	g.LogitsOf(dst, lo, hi)
	return nil
}

func (g graphTeacher) States() *States { return nil }

func goldenTeacher(t *testing.T, f *safetensors.File, batch, length int, fill func(*Decoder)) Teacher {
	t.Helper()
	c := model.Config{SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	if err := json.Unmarshal([]byte(f.Metadata()["teacher_config"]), &c); err != nil {
		t.Fatal(err)
	}
	c.Resolve()
	p := EmptyParams(c)
	for _, spec := range p.Specs() {
		copy(p.Value(spec.Name), testutil.Floats(t, f, "teacher."+spec.Name))
	}
	d, err := New(p, Options{Batch: batch, SequenceLength: length})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	fill(d)
	for i := range d.Targets() {
		d.Targets()[i] = -1
	}
	if _, err := d.Run(); err != nil {
		t.Fatal(err)
	}
	return graphTeacher{d}
}
