package eval

import (
	"math"
	"testing"

	"trit/lm"
)

// CPython's random, sum and math.exp gave the figures, by the harness's formulas.
func TestPerplexityAndItsErrorArePythons(t *testing.T) {
	values := []float64{-3.5, -0.25, -7.125, -1.5, -2.75, -4.0625, -0.5}
	if got := perplexity(values); math.Abs(got-16.651494963610144) > 1e-15*got {
		t.Errorf("perplexity %v", got)
	}
	if got := bootstrapError(perplexity, values); math.Abs(got-26.850383084047234) > 1e-12*got {
		t.Errorf("error of perplexity %v", got)
	}
}

func TestShareOfRightChoices(t *testing.T) {
	q := Question{Choices: []string{"a", "b", "c"}, Right: []bool{true, false, true}}
	scores := []lm.ScoreResult{{LogProb: math.Log(.1)}, {LogProb: math.Log(.2)}, {LogProb: math.Log(.1)}}
	if got := shareOf(scores, q.isRight); math.Abs(got-.5) > 1e-15 {
		t.Errorf("share %v, want 0.5", got)
	}
}

func TestTargetsHaveScores(t *testing.T) {
	m, o := options(t)
	q := Question{Contexts: []string{"ab"}, Target: " c"}
	task := Task{Name: "last", Kind: LogLikelihood, Ask: func(*Fields) Question { return q }, Metrics: []Metric{Perplexity, Acc}}
	o.Tasks, o.MaxLength = []Task{task}, 64
	p := &prepared{Task: &task}
	e := newEncoder(o.Tokenizer, 64)
	if err := p.add(&o, e, question{Question: q}, &examples{task: &task}); err != nil {
		t.Fatal(err)
	}
	p.first = append(p.first, len(p.requests))
	out, err := (&runner{model: m, o: &o}).measure(t.Context(), p, e)
	if err != nil {
		t.Fatal(err)
	}
	want := math.Exp((' ' + 'c') / 100.)
	if got := out.metrics["perplexity,none"]; math.Abs(got-want) > 1e-12 || out.metrics["acc,none"] != 0 || out.samples[0].target != " c" {
		t.Errorf("metrics %v, want a perplexity of %v", out.metrics, want)
	}
	if err := (&Question{Contexts: []string{"x"}}).check(LogLikelihood); err == nil {
		t.Error("a question without a target is taken")
	}
}
