package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trit/format/hffolder"
	"trit/format/safetensors"
	_ "trit/internal/testutil" // defines -golden, which go test passes to every package
	"trit/model"
)

func sampleCheckpoint(step int) *Checkpoint {
	c := model.Config{VocabSize: 4, HiddenSize: 4, IntermediateSize: 4, NumHiddenLayers: 1, NumAttentionHeads: 1, SubNorms: true, Ternary: true}
	c.Resolve()
	w := []safetensors.Source{safetensors.Float32Source("w", []int{1}, []float32{float32(step)})}
	return &Checkpoint{Model: Model{Config: model.ForTraining(c, 2, 3), Weights: w, Files: map[string][]byte{"tokenizer.json": []byte("{}"), "additional_chat_templates/tool_use.jinja": []byte("x")}},
		State: State{Step: step, Options: []byte("{}"), Loader: []byte("{}")}, Optimizer: w, EMA: w}
}

func TestSaveKeepsTheNewest(t *testing.T) {
	run := t.TempDir()
	os.Mkdir(filepath.Join(run, ".checkpoint-killed"), 0o755)
	os.WriteFile(filepath.Join(run, ".metrics.jsonl.tmp-7"), nil, 0o644)
	if err := Clean(run); err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 4; step++ {
		if err := Save(run, sampleCheckpoint(step*10), Keep{Newest: 2}); err != nil {
			t.Fatal(err)
		}
	}
	entries, _ := os.ReadDir(run)
	if len(entries) != 2 {
		t.Errorf("%d folders are left, want 2", len(entries))
	}
	l, err := Load(run)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if w, _ := l.Weights.Float32("w"); w[0] != 40 || l.State.Step != 40 || !l.Config.SubNorms || *l.Config.BOSTokenID != 2 {
		t.Errorf("loaded %v, %+v", w, l.State)
	}
}

func TestBestIsAPlainFolder(t *testing.T) {
	run := t.TempDir()
	for step := 1; step <= 2; step++ {
		if err := SaveBest(run, &sampleCheckpoint(step).Model, map[string]int{"step": step}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Save(run, sampleCheckpoint(3), Keep{Newest: 1}); err != nil {
		t.Fatal(err)
	}
	l, err := hffolder.Open(filepath.Join(run, BestDir))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	note, _ := os.ReadFile(filepath.Join(l.Dir, "best.json"))
	if w, _ := l.Weights.Float32("w"); w[0] != 2 || !strings.Contains(string(note), `"step": 2`) {
		t.Errorf("best holds %v and the note %s", w, note)
	}
	if newest, _ := hffolder.Resolve(run); filepath.Base(newest) != "step-00000003" {
		t.Errorf("the run's model is %s", newest)
	}
	if left, _ := os.ReadDir(run); len(left) != 2 {
		t.Errorf("%d folders are left, want 2", len(left))
	}
}

func TestUpdateStateKeepsTheRest(t *testing.T) {
	run := t.TempDir()
	if err := Save(run, sampleCheckpoint(5), Keep{Newest: 1}); err != nil {
		t.Fatal(err)
	}
	if err := UpdateState(run, 5, func(s *State) { s.Loop = []byte(`{"a":1}`) }); err != nil {
		t.Fatal(err)
	}
	l, err := Load(run)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var loop map[string]int
	if err := json.Unmarshal(l.State.Loop, &loop); err != nil || loop["a"] != 1 || l.State.Step != 5 {
		t.Errorf("the state is %+v, %v", l.State, err)
	}
}

// damage is a way in which a file can suffer.
var damage = map[string]func(path string, b []byte) error{
	"a flipped bit": func(path string, b []byte) error {
		b[len(b)*2/3] ^= 1
		return os.WriteFile(path, b, 0o644)
	},
	"half of it":  func(path string, b []byte) error { return os.Truncate(path, int64(len(b)/2)) },
	"nothing":     func(path string, _ []byte) error { return os.Truncate(path, 0) },
	"not there":   func(path string, _ []byte) error { return os.Remove(path) },
	"longer":      func(path string, b []byte) error { return os.WriteFile(path, append(b, 0), 0o644) },
	"another one": func(path string, b []byte) error { return os.WriteFile(path, []byte("{}"), 0o644) },
}

// A damaged checkpoint is named with its file, and the one before is loaded in its
// place.
func TestDamageIsPassedOver(t *testing.T) {
	sound := t.TempDir()
	if err := errors.Join(Save(sound, sampleCheckpoint(1), Keep{Newest: 2}), Save(sound, sampleCheckpoint(2), Keep{Newest: 2})); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ConfigFile, WeightsFile, OptimizerFile, EMAFile, stateFile} {
		for how, change := range damage {
			run := filepath.Join(t.TempDir(), "run")
			if err := os.CopyFS(run, os.DirFS(sound)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(stepDir(run, 2), name)
			b, _ := os.ReadFile(path)
			if err := change(path, b); err != nil {
				t.Fatal(err)
			}
			l, err := Load(run)
			if err != nil {
				t.Fatalf("%s with %s: %v", name, how, err)
			}
			l.Close()
			if l.State.Step != 1 || len(l.Damaged) != 1 || !strings.Contains(l.Damaged[0].Error(), name) || l.Damaged[0].Dir != stepDir(run, 2) {
				t.Errorf("%s with %s: step %d is loaded, damaged are %v", name, how, l.State.Step, l.Damaged)
			}
		}
	}
}

func TestSetAsideMakesRoom(t *testing.T) {
	run := t.TempDir()
	if err := errors.Join(Save(run, sampleCheckpoint(1), Keep{Newest: 2}), Save(run, sampleCheckpoint(2), Keep{Newest: 2})); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may suffer again
		if err := os.Remove(filepath.Join(stepDir(run, 2), WeightsFile)); err != nil {
			t.Fatal(err)
		}
		l, err := Load(run)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := l.Damaged[0].SetAside(); err != nil {
			t.Fatal(err)
		}
		if err := Save(run, sampleCheckpoint(2), Keep{Newest: 2}); err != nil {
			t.Fatal(err)
		}
		if l, err = Load(run); err != nil || l.State.Step != 2 || len(l.Damaged) != 0 {
			t.Errorf("saved again: %v", err)
		}
		l.Close()
	}
}

func TestNoCheckpointIsWhole(t *testing.T) {
	run := t.TempDir()
	if _, err := Load(run); err == nil {
		t.Error("an empty folder was loaded")
	}
	if err := Save(run, sampleCheckpoint(1), Keep{Newest: 1}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(stepDir(run, 1), WeightsFile)
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	var damaged *DamageError
	if _, err := Load(run); !errors.As(err, &damaged) || !strings.Contains(err.Error(), WeightsFile) || !strings.Contains(err.Error(), "Run.Init") {
		t.Errorf("got %v", err)
	}
}

// A disk that fills up while any of the files is written.
func TestFullDisk(t *testing.T) {
	full := safetensors.Source{TensorInfo: safetensors.TensorInfo{Name: "f", DType: "F32", Shape: []int{1 << 20}}, Write: func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 3<<20)); err != nil {
			return err
		}
		return &os.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}
	}}
	run := t.TempDir()
	if err := errors.Join(Save(run, sampleCheckpoint(1), Keep{Newest: 1}), SaveBest(run, &sampleCheckpoint(1).Model, 1)); err != nil {
		t.Fatal(err)
	}
	for name, fill := range map[string]func(c *Checkpoint){
		"weights": func(c *Checkpoint) { c.Weights = append(c.Weights, full) }, "moments": func(c *Checkpoint) { c.Optimizer = append(c.Optimizer, full) },
		"mean": func(c *Checkpoint) { c.EMA = append(c.EMA, full) },
	} {
		c := sampleCheckpoint(2)
		fill(c)
		if err := Save(run, c, Keep{Newest: 1}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "step 2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	m := sampleCheckpoint(2).Model
	m.Weights = append(m.Weights, full)
	if err := SaveBest(run, &m, 2); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("best: got %v", err)
	}
	for _, dir := range []string{run, filepath.Join(run, BestDir)} {
		l, err := hffolder.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if w, _ := l.Weights.Float32("w"); w[0] != 1 {
			t.Errorf("%s holds %v now", dir, w)
		}
		l.Close()
	}
	if left, _ := os.ReadDir(run); len(left) != 2 {
		t.Errorf("%d entries are left, want 2", len(left))
	}
}

// BenchmarkSave writes a checkpoint of 16M weights with their moments.
func BenchmarkSave(b *testing.B) {
	const n = 16 << 20
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	w := safetensors.Float32Source("w", []int{n}, values)
	v := safetensors.Float32Source("v", []int{n}, values)
	b.SetBytes(12 * n)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		c := sampleCheckpoint(i + 1)
		c.Weights, c.Optimizer = []safetensors.Source{w}, []safetensors.Source{w, v}
		if err := Save(b.TempDir(), c, Keep{Newest: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// The checkpoint that a run may go back to stays, as long as no newer one up to that step is there.
func TestSaveKeepsTheWayBack(t *testing.T) {
	run := t.TempDir()
	for _, c := range []struct {
		step int
		want string
	}{{2, "[2]"}, {4, "[4]"}, {5, "[4 5]"}, {7, "[4 7]"}, {9, "[4 9]"}} {
		if err := Save(run, sampleCheckpoint(c.step), Keep{Newest: 1, UpTo: 4}); err != nil {
			t.Fatal(err)
		}
		if got, err := Steps(run); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("after step %d: %v, %v, want %s", c.step, got, err, c.want)
		}
	}
}

// A run that goes back leaves its newest model with the log, once.
func TestLeave(t *testing.T) {
	run := t.TempDir()
	for step := 1; step <= 4; step++ {
		if err := Save(run, sampleCheckpoint(step), Keep{Newest: 9}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(run, "log"), []byte("lines"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"left-step-00000004", ""} { // again: nothing is newer
		if got, err := Leave(run, 2, "log"); err != nil || got != want {
			t.Errorf("left %q, %v, want %q", got, err, want)
		}
		if steps, err := Steps(run); err != nil || fmt.Sprint(steps) != "[1 2]" {
			t.Errorf("%v, %v stay", steps, err)
		}
	}
	l, err := Load(filepath.Join(run, "left-step-00000004"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if b, err := os.ReadFile(filepath.Join(l.Dir, "log")); l.State.Step != 4 || err != nil || string(b) != "lines" {
		t.Errorf("step %d, log %q, %v", l.State.Step, b, err)
	}
	if _, err := LoadUpTo(run, 0); err == nil {
		t.Error("a checkpoint up to step 0 was found")
	}
	older, err := LoadUpTo(run, 1)
	if err != nil || older.State.Step != 1 {
		t.Fatalf("%+v, %v", older, err)
	}
	older.Close()
}
