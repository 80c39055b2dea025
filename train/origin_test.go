package train

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// It is said which step of how many a model is, and whether it is the last or the best one.
func TestOrigin(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.EvalInterval, r.Options.CheckpointInterval = 5, 25
	r.Options.Stage2LearningRate, r.Options.EMADecay = 0.5, 0 // the second half ruins the weights
	best := mustTrain(t, r).Best.Step
	if best >= 25 {
		t.Fatalf("the best step is %d: the test shows nothing", best)
	}
	other := fmt.Sprintf(" (the best model is the one of step %d)", best)
	for path, want := range map[string]string{
		"":              "step 40 of 40, the last checkpoint of the run" + other,
		"step-00000025": "step 25 of 40, a checkpoint of the run" + other,
		"best":          fmt.Sprintf("step %d of 40, the best model of the run", best),
	} {
		o, ok, err := OriginOf(filepath.Join(r.OutDir, path))
		if err != nil || !ok || o.String() != want || o.Over == strings.HasPrefix(path, "step") {
			t.Errorf("%s: %q, %+v, %v, want %q", path, o, o, err, want)
		}
	}
	for _, dir := range []string{r.DataDir, filepath.Join(t.TempDir(), "model.gguf")} {
		if o, ok, err := OriginOf(dir); ok || err != nil {
			t.Errorf("%s: %+v, %v", dir, o, err)
		}
	}
}
