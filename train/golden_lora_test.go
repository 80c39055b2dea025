package train

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"trit/format/adapter"
	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/train/graph"
	"trit/train/ranks"
)

// Steps of AdamW on adapters compared with PyTorch's: losses and final adapters.
func TestGoldenLoRASteps(t *testing.T) {
	for _, path := range testutil.TuningGoldens(t, "../testdata/finetune", "lora") {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenLoRASteps(t, path) })
	}
}

func testGoldenLoRASteps(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	s := loraGoldenStepper(t, f)
	defer s.decoder.Close()
	var adamw struct{ LR float64 }
	if err := json.Unmarshal([]byte(f.Metadata()["adamw"]), &adamw); err != nil {
		t.Fatal(err)
	}
	for step, want := range testutil.Floats(t, f, "train.losses") {
		testutil.GoldenTargets(t, f, step, s.decoder.Tokens(), s.decoder.Targets())
		loss, err := s.runLast()
		if err != nil {
			t.Fatal(err)
		}
		scale := float64(len(s.decoder.Targets())) / float64(s.decoder.Scored())
		if err := s.share.update(adamw.LR, 0, scale); err != nil {
			t.Fatal(err)
		}
		t.Logf("step %d: loss differs by %.2g", step, math.Abs(float64(loss-want)))
		if math.Abs(float64(loss-want)) > 3e-2 || step == 0 && math.Abs(float64(loss-want)) > 1e-3 {
			t.Errorf("step %d: loss %g, want %g", step, loss, want)
		}
	}
	worst := 0.0
	for weight, pair := range s.share.params.Adapter().Pairs {
		for matrix, got := range map[string][]float32{"A": pair.A, "B": pair.B} {
			name := "final." + strings.TrimSuffix(weight, "weight") + matrix
			e := testutil.RelativeL2(got, testutil.Floats(t, f, name))
			if worst = max(worst, e); e > 6e-2 {
				t.Errorf("%s differs by %.3g, want at most 6e-2", name, e)
			}
		}
	}
	t.Logf("final adapters differ by at most %.2g", worst)
}

// loraGoldenStepper makes a stepper with base and adapters of a golden.
func loraGoldenStepper(t *testing.T, f *safetensors.File) *stepper {
	t.Helper()
	var l struct {
		R       int
		Alpha   float64
		Mode    adapter.Placement
		Targets []string
	}
	if err := json.Unmarshal([]byte(f.Metadata()["lora"]), &l); err != nil {
		t.Fatal(err)
	}
	b := graph.NewBase(testutil.GoldenModel(t, f), l.Mode == adapter.Inside, 0)
	for _, spec := range b.Config.Tensors() {
		data, err := f.Bytes("param." + spec.Name)
		if err == nil {
			err = b.SetValues(spec.Name, "F32", data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	params, err := graph.EmptyAdapters(b, graph.LoRA{Rank: l.R, Alpha: l.Alpha, Placement: l.Mode, Targets: l.Targets})
	if err != nil {
		t.Fatal(err)
	}
	for weight, pair := range params.Adapter().Pairs {
		name := "lora." + strings.TrimSuffix(weight, "weight")
		copy(pair.A, testutil.Floats(t, f, name+"A"))
		copy(pair.B, testutil.Floats(t, f, name+"B"))
	}
	o := Default()
	share, err := newSharing(ranks.Alone, nil, params, &o)
	if err != nil {
		t.Fatal(err)
	}
	_, batch, length := testutil.GoldenTokens(t, f)
	d, err := graph.New(params, graph.Options{Batch: batch, SequenceLength: length, Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	return &stepper{options: &o, share: share, decoder: d, microBatches: 1}
}
