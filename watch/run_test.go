package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/train/runlog"
)

// folder makes the folder of a run with these lines in its log.
func folder(t testing.TB, name string, lines ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, runlog.LogFile), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, lines ...string) *Run {
	t.Helper()
	r, err := Open(folder(t, "r", lines...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An old log, from before there were times, layers and utilisation.
var oldLog = []string{
	`{"event":"step","step":10,"tokens":1000,"loss":6.5,"lr":0.001,"weight_decay":0.1,"grad_norm":2,"tokens_per_second":500,"zeros":0.31}`,
	`{"event":"step","step":20,"tokens":2000,"loss":5.5,"lr":0.002,"weight_decay":0.1,"grad_norm":1,"tokens_per_second":250,"zeros":0.32,"flips":12}`,
	`{"event":"eval","step":20,"tokens":2000,"loss":5.6,"perplexity":270,"bits_per_byte":2.1}`,
	"",
}

func TestOpenReadsOldRuns(t *testing.T) {
	r := open(t, oldLog...)
	if len(r.Events) != 3 || r.Settings != nil || r.MaxSteps != 0 {
		t.Errorf("%+v", r)
	}
	if got := r.trainingTime().Seconds(); got != 1000.0/500+1000.0/250 {
		t.Errorf("training time %g s, want 6", got)
	}
}

func TestOpenReadsSettings(t *testing.T) {
	dir := folder(t, "r", oldLog...)
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
