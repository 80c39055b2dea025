package train

import (
	"strings"
	"testing"

	"trit/bitlinear"
	"trit/model"
)

// Bench runs the graph, and what it reports belongs together.
func TestBench(t *testing.T) {
	r := smallRun("", "")
	r.Model.VocabSize = 64
	r.Model.Resolve()
	r.Model.MaxPositionEmbeddings = r.Options.SequenceLength
	before := bitlinear.Inside.Load()
	s, err := Bench(r.Model, r.Options, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	tokens := float64(r.Options.BatchSize * r.Options.SequenceLength)
	if s.Parameters != r.Model.Parameters() || s.StepSeconds <= 0 || s.TokensPerSecond != tokens/s.StepSeconds ||
		s.GorgoniaShare < 0 || s.GorgoniaShare >= 1 || bitlinear.Inside.Load() == before {
		t.Errorf("%+v", s)
	}
}

// A wrong option is refused, not measured as another one.
func TestBenchRefusesOptions(t *testing.T) {
	o := Default()
	o.Precision = "float16"
	if _, err := Bench(model.Config{Ternary: true}, o, 1, 1); err == nil || !strings.Contains(err.Error(), "float16") {
		t.Errorf("precision float16: %v", err)
	}
}
