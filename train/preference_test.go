package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/data"
	"trit/setting"
	"trit/tokenizer"
	"trit/train/preference"
	"trit/train/runlog"
)

// preparedPairs is a data set of preferences: after each prompt the one who agrees is chosen, the one who does
// not, at another length, is rejected.
func preparedPairs(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	yes, no := []string{"yes", "I see", "sure", "it is so"}, []string{"no", "never", "by no means, never", "not at all"}
	for i := range 70 {
		fmt.Fprintf(&rows, "{\"prompt\": \"Is it %d?\", \"chosen\": \"%s, %d\", \"rejected\": \"%s\"}\n", i, yes[i%4], i, no[i/4%4])
	}
	file, out := filepath.Join(dir, "pairs.jsonl"), filepath.Join(dir, "pairs")
	if err := os.WriteFile(file, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(prepared(t))
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = tok.WithChatTemplate("{% for m in messages %}{{ m.content }}\n{% endfor %}"); err != nil {
		t.Fatal(err)
	}
	if _, err := data.Prepare(context.Background(), data.PrepareOptions{Files: []string{file}, Tokenizer: tok,
		Kind: data.Preferences, Holdout: 0.3, Seed: 1, Out: out}); err != nil {
		t.Fatal(err)
	}
	return out
}

// pairRun learns from the pairs of preparedPairs, of which it sees each about twice.
func pairRun(dataDir, out string) Run {
	r := smallRun(dataDir, out)
	r.Options.Precision = PrecisionFloat32 // as its reference is computed
	r.Options.Objective, r.Options.DPOBeta, r.Options.LearningRate = DPO, 0.2, 3e-3
	r.Options.MaxSteps, r.Options.EvalBatches, r.Options.CheckpointInterval, r.Options.EMADecay = 24, 5, 6, 0.5
	r.Options.BatchSize, r.Options.EvalInterval, r.Options.LogInterval = 4, 6, 1
	return r
}

// A run learns to prefer one style: the log begins with a loss of ln 2, no rewards and a half of the
// pairs, and ends with more; the best model is the one of the lowest held-out loss.
func TestPreferences(t *testing.T) {
	r := pairRun(preparedPairs(t), t.TempDir())
	result, err := Train(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	first := events(t, r.OutDir, runlog.StepEvent)[0]
	if p := first.Preference; p == nil || math.Abs(first.Loss-math.Ln2) > 1e-5 || p.Accuracy != 0.5 || math.Abs(p.Margin) > 1e-5 {
		t.Errorf("the first step has the loss %g and %+v: want ln 2 and no margin", first.Loss, first.Preference)
	}
	evals := events(t, r.OutDir, runlog.EvalEvent)
	begun, ended, all := evals[0], evals[len(evals)-1], result.EvalAll
	t.Logf("held out: %+v, then %+v, all %+v", begun.Preference, ended.Preference, all.Preference)
	if p := all.Preference; p == nil || p.Accuracy < 0.9 || p.Margin <= 0 || math.Abs(p.Chosen-p.Rejected-p.Margin) > 1e-9 ||
		all.Loss >= math.Ln2 || all.BitsPerByte != 0 || all.Perplexity != 0 {
		t.Errorf("all held-out data: %+v %+v: want most preferred, and no figures of texts", all, all.Preference)
	}
	if ended.Loss >= begun.Loss || result.Best == nil || result.Best.Preference == nil || result.Best.Loss > ended.Loss {
		t.Errorf("best %+v, evaluations from %+v to %+v", result.Best, begun, ended)
	}
	notes := events(t, r.OutDir, runlog.ReferenceEvent)
	if len(notes) != 2 || !strings.Contains(notes[1].Note, "140 texts") {
		t.Errorf("the log says %+v of the reference, want two texts of 70 pairs", notes)
	}
}

// Label smoothing and lengths change what is learnt; each variant learns.
func TestPreferenceVariants(t *testing.T) {
	dataDir := preparedPairs(t)
	losses := map[float64]bool{}
	for _, change := range []func(o *Options){
		func(o *Options) { o.DPOLabelSmoothing = 0.1 },
		func(o *Options) { o.DPOLengthNormalized, o.DPOBeta = true, 2 },
	} {
		r := pairRun(dataDir, t.TempDir())
		change(&r.Options)
		result, err := Train(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if p := result.EvalAll.Preference; p == nil || p.Accuracy < 0.9 || losses[result.EvalAll.Loss] {
			t.Errorf("%+v: ended with %+v, %+v", r.Options, result.EvalAll, p)
		}
		losses[result.EvalAll.Loss] = true
	}
}

// The numbers of ranks and of rows of a pass change how pairs are added up, nothing else.
func TestPreferencesOnRanks(t *testing.T) {
	dataDir, one := preparedPairs(t), t.TempDir()
	shared := func(out string) Run {
		r := pairRun(dataDir, out)
		r.Options.GradientAccumulation, r.Model.Ternary, r.Options.Precision = 4, false, PrecisionFloat32
		r.Options.MaxSteps, r.Options.EMADecay = 12, 0.9
		return r
	}
	if _, err := trainOn(1, shared(one), nil); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(one, preference.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 4} {
		out := t.TempDir()
		if _, err := trainOn(n, shared(out), nil); err != nil {
			t.Fatal(err)
		}
		compareRuns(t, out, one)
		if got, err := os.ReadFile(filepath.Join(out, preference.File)); err != nil || string(got) != string(want) {
			t.Errorf("%d ranks write another reference: %v", n, err)
		}
	}
	wide := t.TempDir()
	r := shared(wide)
	r.Options.BatchSize, r.Options.GradientAccumulation, r.Options.EvalBatches = 8, 2, 0
	narrow := t.TempDir()
	whole := shared(narrow)
	whole.Options.EvalBatches = 0
	for _, r := range []Run{r, whole} {
		if _, err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	compareRuns(t, wide, narrow)
}

// A run that is interrupted and resumed has the bits of one that was not, and makes its reference
// once.
func TestPreferencesResume(t *testing.T) {
	dataDir, whole, parts := preparedPairs(t), t.TempDir(), t.TempDir()
	mustTrain(t, pairRun(dataDir, whole))
	for _, steps := range []int{1, 9, 24} {
		r := pairRun(dataDir, parts)
		r.Resume = true
		ctx, cancel := context.WithCancel(context.Background())
		r.OnEvent = func(e Event) {
			if e.Event == runlog.StepEvent && e.Step == steps {
				cancel()
			}
		}
		if _, err := Train(ctx, r); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	checkSameWeights(t, weights(t, parts), weights(t, whole))
	if notes := events(t, parts, runlog.ReferenceEvent); len(notes) != 2 {
		t.Errorf("the reference was made again: %+v", notes)
	}
}

// What a run knows of its reference is kept for its own data and weights, and asked for when it is
// gone.
func TestReferenceOfAnother(t *testing.T) {
	dataDir := preparedPairs(t)
	begin := func(out string, seed uint64) error {
		r := pairRun(dataDir, out)
		r.Options.MaxSteps, r.Options.Seed, r.Resume = 6, seed, true
		_, err := Train(context.Background(), r)
		return err
	}
	out := t.TempDir()
	if err := begin(out, 1); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(out, preference.File)
	made, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, preference.File), made, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := begin(other, 2); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(other, preference.File)); err != nil || string(b) == string(made) {
		t.Errorf("a run with other weights took the reference that it found: %v", err)
	}
	resume := func() error {
		r := pairRun(dataDir, out)
		r.Options.MaxSteps, r.Resume, r.Extend = 8, true, true
		_, err := Train(context.Background(), r)
		return err
	}
	broken := []byte(strings.Clone(string(made)))
	broken[len(broken)-1] ^= 1
	for want, b := range map[string][]byte{"does not know all pairs": nil, "checksum": broken} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if b != nil {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := resume(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A run does not go on beyond the pairs that its reference knows.
func TestExtendedPreferences(t *testing.T) {
	r := pairRun(preparedPairs(t), t.TempDir())
	r.Options.MaxSteps = 6 // half of the pairs
	mustTrain(t, r)
	r.Options.MaxSteps, r.Resume, r.Extend = 24, true, true
	if _, err := Train(context.Background(), r); setting.As(err) == nil || !strings.Contains(err.Error(), "does not know all pairs") {
		t.Errorf("got %v", err)
	}
}

// The kind of the data and the objective fit, or the run is refused with a way out.
func TestObjectiveFitsData(t *testing.T) {
	texts, pairs := smallRun(prepared(t), t.TempDir()), pairRun(preparedPairs(t), t.TempDir())
	texts.Options.Objective, texts.Options.DPOBeta = DPO, 0.1
	pairs.Options.Objective, pairs.Options.DPOBeta = CrossEntropy, 0
	for want, r := range map[string]Run{"holds no preferences": texts, "holds preferences, but the objective is cross entropy": pairs} {
		if _, err := Train(context.Background(), r); setting.As(err) == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, change := range map[string]func(o *Options){
		"dpo_beta is 0":                  func(o *Options) { o.DPOBeta = 0 },
		"dpo_beta is NaN":                func(o *Options) { o.DPOBeta = math.NaN() },
		"dpo_label_smoothing is 0.5":     func(o *Options) { o.DPOLabelSmoothing = 0.5 },
		"batch_size is 3":                func(o *Options) { o.BatchSize = 3 },
		"distill_alpha is 0.5":           func(o *Options) { o.DistillAlpha, o.DistillTemperature = 0.5, 2 },
		"z_loss is 0.1":                  func(o *Options) { o.ZLoss = 0.1 },
		`objective is "best"`:            func(o *Options) { o.Objective = "best" },
		"belong to objective dpo":        func(o *Options) { o.Objective = "" },
		"dpo_label_smoothing is -0.0001": func(o *Options) { o.DPOLabelSmoothing = -1e-4 },
	} {
		o := pairRun("", "").Options
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
