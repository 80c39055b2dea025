package train

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/data"
	"trit/model"
	"trit/train/checkpoint"
	"trit/train/clock"
	"trit/train/graph"
	"trit/train/ranks"
)

// newTestSaving is the part alone, of a small model with a mean, in a folder.
func newTestSaving(t *testing.T, dir string, seed uint64) *saving {
	t.Helper()
	r := smallRun("", dir)
	r.Model.VocabSize = 40
	r.Model.Resolve()
	share, err := newSharing(ranks.Alone, nil, graph.NewParams(r.Model, seed), &r.Options)
	if err != nil {
		t.Fatal(err)
	}
	share.beginMean()
	folder := modelFolder{model.ForTraining(r.Model, 0, 1), map[string][]byte{"tokenizer.json": []byte("{}")}}
	return &saving{dir: dir, dataset: "fingerprint", options: &r.Options, folder: folder, share: share,
		clock: clock.New(time.Now(), time.Now), now: time.Now}
}

// move takes a step with a gradient of ones.
func move(t *testing.T, s *sharing) {
	t.Helper()
	s.exchange.Begin()
	for _, spec := range s.params.Specs() {
		s.exchange.Add(spec.Name, slices.Repeat([]float32{1}, spec.Elements()))
	}
	if err := errors.Join(s.exchange.Wait(), s.update(0.1, 0.1, 1)); err != nil {
		t.Fatal(err)
	}
}

// held is all that a sharing has of a run.
func held(s *sharing) (all [][]float32) {
	for i, p := range s.optimizer.Params {
		all = append(all, slices.Clone(p.Value), slices.Clone(p.M), slices.Clone(p.V), slices.Clone(s.mean[i]))
	}
	return all
}

func snapshotAt(step int) *snapshot {
	return &snapshot{Step: step, Tokens: int64(64 * step), Data: data.State{Dataset: "fingerprint", Document: step},
		Memory: memory{Best: &Best{Step: 1, Loss: 2}, Patience: patience{Loss: 3, Seen: true, Stale: 1},
			Guard: json.RawMessage(`{"losses":[1,2]}`)}}
}

// What is saved is restored, into other weights, with what the run remembers.
func TestSavingRestores(t *testing.T) {
	dir := t.TempDir()
	s := newTestSaving(t, dir, 1)
	move(t, s.share)
	want, now := held(s.share), snapshotAt(1)
	if err := s.save(now); err != nil {
		t.Fatal(err)
	}
	other := newTestSaving(t, dir, 2)
	got, warnings, err := other.restore()
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if !reflect.DeepEqual(held(other.share), want) || other.share.optimizer.StepCount != 1 {
		t.Error("weights, moments or mean are not those that were saved")
	}
	if got.Dir = ""; !sameSnapshot(t, got, now) {
		t.Errorf("restored %+v, want %+v", got, now)
	}
	for want, change := range map[string]func(*saving){
		"other data":    func(s *saving) { s.dataset = "another" },
		"learning_rate": func(s *saving) { s.options.LearningRate = 7 },
		"seed":          func(s *saving) { s.options.Seed = 7 },
	} {
		other := newTestSaving(t, dir, 2)
		change(other)
		if _, _, err := other.restore(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// sameSnapshot compares what JSON makes of snapshots: it may write a guard with other spaces.
func sameSnapshot(t *testing.T, a, b *snapshot) bool {
	t.Helper()
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// A rollback takes weights and memory from the checkpoint, and position in the data and the
// best model from now. It is counted, and the checkpoint knows of it.
func TestSavingRollsBack(t *testing.T) {
	dir := t.TempDir()
	s := newTestSaving(t, dir, 1)
	s.options.MaxRollbacks = 1
	want := held(s.share)
	if err := s.save(snapshotAt(0)); err != nil {
		t.Fatal(err)
	}
	move(t, s.share)
	now := snapshotAt(4)
	now.Memory.Best, now.Memory.Patience.Stale = &Best{Step: 3, Loss: 1}, 5
	back, note, warnings, err := s.rollback(now, "the loss is 9")
	if err != nil || len(warnings) > 0 || !strings.Contains(note, "step 5: the loss is 9; back to step 0") {
		t.Fatalf("%q, %v, %v", note, warnings, err)
	}
	if !reflect.DeepEqual(held(s.share), want) || s.share.optimizer.StepCount != 0 {
		t.Error("weights, moments or mean are not those of the checkpoint")
	}
	if m := back.Memory; back.Step != 0 || back.Data.Document != 4 || m.Rollbacks != 1 || m.Best.Step != 3 ||
		m.Patience.Stale != 1 {
		t.Errorf("back at %+v", back)
	}
	again, _, err := newTestSaving(t, dir, 2).restore()
	if err != nil || !sameSnapshot(t, again, back) {
		t.Errorf("a run that is resumed goes on from %+v, want %+v: %v", again, back, err)
	}
	now.Memory.Rollbacks = 1
	if _, _, _, err := s.rollback(now, "the loss is 9"); err == nil || !strings.Contains(err.Error(), "max_rollbacks") {
		t.Errorf("a second rollback: %v", err)
	}
}

// The best model is a folder of its own, in place of the one before.
func TestSavingKeepsTheBest(t *testing.T) {
	dir := t.TempDir()
	s := newTestSaving(t, dir, 1)
	for step := range 2 {
		move(t, s.share)
		if err := s.saveBest(&Best{Step: step}); err != nil {
			t.Fatal(err)
		}
	}
	best := filepath.Join(dir, checkpoint.BestDir)
	note, err := os.ReadFile(filepath.Join(best, "best.json"))
	if err != nil || !strings.Contains(string(note), `"step": 1`) {
		t.Errorf("%s, %v", note, err)
	}
	for name, v := range tensorsOf(t, filepath.Join(best, checkpoint.WeightsFile)) {
		if !slices.Equal(v, s.share.params.Value(name)) {
			t.Errorf("%s is not that of the run", name)
		}
	}
}

// The weights are their mean inside, and the same bits as before afterwards, also after an error.
func TestWithMean(t *testing.T) {
	s := newTestSaving(t, t.TempDir(), 1).share
	move(t, s)
	before, failed := held(s), errors.New("failed")
	err := s.withMean(func() error {
		for i, p := range s.optimizer.Params {
			if !slices.Equal(p.Value, before[4*i+3]) || !slices.Equal(s.mean[i], before[4*i]) {
				t.Errorf("%s is not its mean", p.Name)
			}
		}
		return failed
	})
	if !errors.Is(err, failed) || !reflect.DeepEqual(held(s), before) {
		t.Errorf("after the error %v weights and mean are other ones", err)
	}
	if reflect.DeepEqual(before[0], before[3]) {
		t.Error("the mean is the weights: the test shows nothing")
	}
}
