package train

import (
	"runtime"
	"testing"
)

// allocated is how many bytes f allocates.
func allocated(t *testing.T, f func() error) int {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := f(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// Weights, two moments and a running mean are all that a beginning and a resumed run allocate, and a
// checkpoint leaves through small buffers: nothing holds a tensor twice.
func TestNoTensorIsHeldTwice(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Model.HiddenSize, r.Model.IntermediateSize, r.Model.NumHiddenLayers = 256, 1024, 4
	r.Resume = true // of an empty folder: begins
	tr, err := newTrainer(&r)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	model := 4 * tr.run.Model.Parameters()
	again := func() error {
		_, err := tr.makeWeights(tr.saving.folder)
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
		most int
	}{{"beginning", again, 5 * model}, {"saving", tr.save, model}, {"resuming", again, 5 * model}} {
		got := allocated(t, part.run)
		t.Logf("%s allocates %.2f models", part.name, float64(got)/float64(model))
		if got >= part.most {
			t.Errorf("%s allocates %d bytes, want less than %d: the weights are %d", part.name, got, part.most, model)
		}
	}
}
