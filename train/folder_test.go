package train

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/setting"
	"trit/train/runlog"
)

// A folder is enough to go on with a run: before its first checkpoint, after it, with a damaged
// one, and to repeat it by what its log says.
func TestRunOf(t *testing.T) {
	dataDir, dir := prepared(t), t.TempDir()
	whole := smallRun(dataDir, filepath.Join(dir, "whole"))
	whole.Options.MaxSteps = 16
	mustTrain(t, whole)
	want := weights(t, whole.OutDir)
	for name, c := range map[string]struct {
		stop   int
		damage func(run string)
	}{
		"before its first checkpoint": {5, func(run string) { remove(t, filepath.Join(run, "step-00000005")) }},
		"after it":                    {10, func(string) {}},
		"with a damaged one":          {10, func(run string) { remove(t, filepath.Join(run, "step-00000010", "config.json")) }},
	} {
		r := whole
		r.OutDir = filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		ctx, cancel := context.WithCancel(context.Background())
		r.OnEvent = func(e Event) {
			if e.Event == runlog.StepEvent && e.Step == c.stop {
				cancel()
			}
		}
		if _, err := Train(ctx, r); err != nil {
			t.Fatal(err)
		}
		c.damage(r.OutDir)
		again, err := RunOf(r.OutDir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if result := mustTrain(t, again); result.Step != 16 {
			t.Errorf("%s: %+v", name, result)
		}
		checkSameWeights(t, weights(t, r.OutDir), want)
	}
	recipe, found, err := loggedRecipe(whole.OutDir)
	if err != nil || !found || recipe.Config.MaxSteps != 16 || recipe.Dataset == "" || !filepath.IsAbs(recipe.Data) {
		t.Fatalf("%+v, %v", recipe, err)
	}
	repeated := Run{Model: recipe.Config.Config, Options: recipe.Config.Options, DataDir: recipe.Data, OutDir: t.TempDir()}
	mustTrain(t, repeated)
	checkSameWeights(t, weights(t, repeated.OutDir), want)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// What is no run is refused; a run from before the log held recipes is one without data.
func TestRunOfOtherFolders(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.MaxSteps = 7
	mustTrain(t, r)
	log := filepath.Join(r.OutDir, runlog.LogFile)
	if err := os.WriteFile(log, []byte(`{"event":"step","step":5,"loss":5}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	old, err := RunOf(r.OutDir)
	if err != nil || old.DataDir != "" || old.Options.MaxSteps != 7 || old.Model.HiddenSize != 32 {
		t.Errorf("an old run: %+v, %v", old, err)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing"), r.DataDir, filepath.Join(r.OutDir, "best")} {
		if _, err := RunOf(dir); err == nil || setting.As(err) == nil || !strings.Contains(err.Error(), "no run to go on with") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := os.WriteFile(log, []byte(`{"event":"begin","recipe":{"config":{"max_steps":"many"}}}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := RunOf(r.OutDir); err == nil || !strings.Contains(err.Error(), "recipe of step 0") {
		t.Errorf("a broken recipe: %v", err)
	}
}

// A run that begins with the weights of another says what it does not take from its recipe.
func TestInitialNotes(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.MaxSteps, r.Options.EvalInterval = 7, 5
	mustTrain(t, r)
	for _, from := range []string{r.OutDir, filepath.Join(r.OutDir, "best"), filepath.Join(r.OutDir, "step-00000007")} {
		o, ok, err := InitialOptions(from)
		if err != nil || !ok || o.BatchSize != 2 {
			t.Fatalf("%s: %+v, %v, %v", from, o, ok, err)
		}
		tuned := r
		tuned.Init, tuned.OutDir, tuned.Options.BatchSize, tuned.Options.LearningRate = from, t.TempDir(), 4, 1e-4
		mustTrain(t, tuned)
		w := events(t, tuned.OutDir, runlog.WarningEvent)
		if len(w) == 0 || !strings.Contains(w[0].Note, "batch_size 4 (there 2), learning_rate 0.0001 (there 0.003)") ||
			!strings.Contains(w[0].Note, "256 tokens a step (there 128)") || strings.Contains(w[0].Note, "eval_interval") {
			t.Errorf("warnings %+v", w)
		}
		var recipe Recipe
		begin := events(t, tuned.OutDir, runlog.BeginEvent)
		if len(begin) != 1 || !strings.Contains(begin[0].Note, "with the weights of "+from+" (step 7 of 7, the") || json.Unmarshal(begin[0].Recipe, &recipe) != nil || recipe.Init != from {
			t.Errorf("begun with %+v", begin)
		}
	}
	same := r
	same.Init, same.OutDir, same.Options.EvalInterval = r.OutDir, t.TempDir(), 6
	mustTrain(t, same)
	if w := events(t, same.OutDir, runlog.WarningEvent); len(w) > 0 {
		t.Errorf("warnings %+v, want none", w)
	}
	if _, ok, err := InitialOptions(r.DataDir); ok || err != nil {
		t.Errorf("a folder of data: %v, %v", ok, err)
	}
}

// A run that is refused leaves no folder of its own, and one that was there as it was.
func TestARefusedRunLeavesNothing(t *testing.T) {
	data, dir := prepared(t), t.TempDir()
	for _, out := range []string{filepath.Join(dir, "new"), dir} {
		r := smallRun(data, out)
		r.Options.ZLoss = -1
		if _, err := Train(context.Background(), r); err == nil {
			t.Fatal("a run with a z-loss of -1 is taken")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); !os.IsNotExist(err) {
		t.Errorf("the folder of a refused run is there: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a folder that was there before a refused run: %v", err)
	}
}
