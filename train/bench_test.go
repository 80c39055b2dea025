package train

import (
	"testing"

	"trit/bitlinear"
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
