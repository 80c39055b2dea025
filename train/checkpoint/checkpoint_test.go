package checkpoint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/format/safetensors"
	_ "trit/internal/testutil" // defines -golden, which go test passes to every package
	"trit/model"
)

func sampleCheckpoint(step int) *Checkpoint {
	c := model.Config{VocabSize: 4, HiddenSize: 4, IntermediateSize: 4, NumHiddenLayers: 1, NumAttentionHeads: 1, SubNorms: true, Ternary: true}
	c.Resolve()
	w := []safetensors.Source{safetensors.Float32Source("w", []int{1}, []float32{float32(step)})}
	return &Checkpoint{Model: Model{Config: model.ForTraining(c, 2, 3), Weights: w, Files: map[string][]byte{"tokenizer.json": []byte("{}")}},
		State: State{Step: step, Options: []byte("{}"), Loader: []byte("{}")}, Optimizer: w}
}

func TestSaveKeepsTheNewest(t *testing.T) {
	run := t.TempDir()
	os.Mkdir(filepath.Join(run, ".checkpoint-killed"), 0o755)
	os.WriteFile(filepath.Join(run, ".metrics.jsonl.tmp-7"), nil, 0o644)
	if err := Clean(run); err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 4; step++ {
		if err := Save(run, sampleCheckpoint(step*10), 2); err != nil {
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
	if err := Save(run, sampleCheckpoint(3), 1); err != nil {
		t.Fatal(err)
	}
	l, err := LoadModel(filepath.Join(run, BestDir))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	note, _ := os.ReadFile(filepath.Join(l.Dir, "best.json"))
	if w, _ := l.Weights.Float32("w"); w[0] != 2 || !strings.Contains(string(note), `"step": 2`) {
		t.Errorf("best holds %v and the note %s", w, note)
	}
	if newest, _ := Resolve(run); filepath.Base(newest) != "step-00000003" {
		t.Errorf("the run's model is %s", newest)
	}
	if left, _ := os.ReadDir(run); len(left) != 2 {
		t.Errorf("%d folders are left, want 2", len(left))
	}
}

func TestUpdateStateKeepsTheRest(t *testing.T) {
	run := t.TempDir()
	if err := Save(run, sampleCheckpoint(5), 1); err != nil {
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

func TestDamageIsSeen(t *testing.T) {
	for _, name := range []string{WeightsFile, OptimizerFile} {
		run := t.TempDir()
		if err := Save(run, sampleCheckpoint(1), 1); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(run, "step-00000001", name)
		b, _ := os.ReadFile(path)
		b[len(b)-1] ^= 1
		os.WriteFile(path, b, 0o644)
		if _, err := Load(run); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a flipped bit in %s: got %v", name, err)
		}
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("an empty folder was loaded")
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
		if err := Save(b.TempDir(), c, 1); err != nil {
			b.Fatal(err)
		}
	}
}
