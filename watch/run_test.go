package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"trit/internal/testutil"
)

func open(t *testing.T, lines ...string) *Run {
	t.Helper()
	r, err := Open(testutil.RunFolder(t, "r", lines...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenReadsOldRuns(t *testing.T) {
	r := open(t, testutil.OldLog...)
	if len(r.Events) != 3 || r.Settings != nil || r.MaxSteps != 0 {
		t.Errorf("%+v", r)
	}
	if got := r.trainingTime().Seconds(); got != 1000.0/500+1000.0/250 {
		t.Errorf("training time %g s, want 6", got)
	}
}

func TestOpenReadsSettings(t *testing.T) {
	dir := testutil.RunFolder(t, "r", testutil.OldLog...)
	newest := filepath.Join(dir, "step-00000020")
	for path, content := range map[string]string{
		filepath.Join(newest, "config.json"): `{"hidden_size":64,"architectures":["X"],"tie_word_embeddings":true}`,
		filepath.Join(newest, "state.json"):  `{"step":20,"options":{"max_steps":40,"learning_rate":0.003,"lr_schedule":"two_stage"}}`,
	} {
		if err := os.MkdirAll(newest, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "map[hidden_size:64 learning_rate:0.003 lr_schedule:two_stage max_steps:40 tie_word_embeddings:true]"
	if fmt.Sprint(r.Settings) != want || r.MaxSteps != 40 {
		t.Errorf("settings %v of %d steps, want %s", r.Settings, r.MaxSteps, want)
	}
}
