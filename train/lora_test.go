package train

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/format/adapter"
	"trit/format/safetensors"
	"trit/model"
	"trit/optim"
	"trit/train/checkpoint"
)

// loraBase is a model to be tuned: a run of a few steps.
func loraBase(t *testing.T, dataDir string, change func(*Run)) string {
	t.Helper()
	r := smallRun(dataDir, t.TempDir())
	r.Options.MaxSteps, r.Options.EvalInterval = 3, 0
	if change != nil {
		change(&r)
	}
	mustTrain(t, r)
	return r.OutDir
}

// loraRun trains adapters over a base.
func loraRun(dataDir, out, base string) Run {
	r := smallRun(dataDir, out)
	r.Model, r.Init = model.Config{}, base
	r.Options.LoRARank, r.Options.LoRADropout, r.Options.LoRATargets = 4, 0.1, "q_proj, down_proj"
	return r
}

// tuneIn makes the test binary train adapters instead of testing, so that the test can kill it.
var tuneIn = flag.String("tune-in", "", "for TestLoRAResumeAfterKill: train adapters with the data, in the folder and over the model, in a placement, `DATA,RUN,BASE,PLACEMENT`")

// A run of adapters that is killed (SIGKILL) again and again ends with the adapters, the moments and
// the best result of one that was left alone.
func TestLoRAResumeAfterKill(t *testing.T) {
	if *tuneIn != "" {
		in := strings.Split(*tuneIn, ",")
		r := loraRun(in[0], in[1], in[2])
		if r.Options.LoRAPlacement = adapter.Placement(in[3]); r.Options.LoRAPlacement == adapter.Inside {
			r.Options.LoRADropout = 0
		}
		r.Resume, r.Options.CheckpointInterval, r.Options.EvalInterval = true, 2, 3
		mustTrain(t, r)
		return
	}
	dataDir := prepared(t)
	base := loraBase(t, dataDir, nil)
	for _, placement := range []adapter.Placement{adapter.Beside, adapter.Inside} {
		t.Run(string(placement), func(t *testing.T) { testLoRAAfterKill(t, dataDir, base, placement) })
	}
}

func testLoRAAfterKill(t *testing.T, dataDir, base string, placement adapter.Placement) {
	whole, out := t.TempDir(), t.TempDir()
	child := func(run string) *exec.Cmd {
		in := strings.Join([]string{dataDir, run, base, string(placement)}, ",")
		return exec.Command(os.Args[0], "-test.run", "^TestLoRAResumeAfterKill$", "-tune-in", in)
	}
	start := time.Now()
	if out, err := child(whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	undisturbed, done := time.Since(start), 0
	for done < *kills && killed(t, child(out), rand.N(undisturbed/2)) {
		done++
	}
	if out, err := child(out).CombinedOutput(); err != nil && done == *kills {
		t.Fatalf("resumed: %v: %s", err, out)
	}
	t.Logf("killed %d times", done)
	checkSameWeights(t, weights(t, out), weights(t, whole))
}

func TestLoRAResumeIsExact(t *testing.T) {
	dataDir := prepared(t)
	base := loraBase(t, dataDir, nil)
	for name, change := range map[string]func(*Options){
		"beside": func(*Options) {},
		"inside": func(o *Options) {
			o.LoRADropout, o.LoRAPlacement, o.Moments = 0, adapter.Inside, optim.MomentsBF16
		},
	} {
		t.Run(name, func(t *testing.T) {
			testResumeIsExact(t, func(out string) Run {
				r := loraRun(dataDir, out, base)
				change(&r.Options)
				return r
			})
		})
	}
}

// Ranks train the adapters of one; the masks of dropout do not depend on their number.
func TestRanksTrainAdaptersAsOne(t *testing.T) {
	dataDir, one, two := prepared(t), t.TempDir(), t.TempDir()
	base := loraBase(t, dataDir, func(r *Run) { r.Model.Ternary = false })
	shared := func(out string) Run {
		r := loraRun(dataDir, out, base)
		s := sharedRun(dataDir, out).Options
		s.LoRARank, s.LoRADropout, s.LoRATargets = r.Options.LoRARank, r.Options.LoRADropout, r.Options.LoRATargets
		r.Options = s
		return r
	}
	for n, out := range map[int]string{1: one, 2: two} {
		if _, err := trainOn(n, shared(out), nil); err != nil {
			t.Fatal(err)
		}
	}
	compareRuns(t, two, one)
}

// The folders of a run hold adapters in PEFT's layout and nothing of the base, and a run is resumed
// by its folder alone.
func TestLoRAFolder(t *testing.T) {
	dataDir, out := prepared(t), t.TempDir()
	base := loraBase(t, dataDir, nil)
	r := loraRun(dataDir, out, base)
	r.Options.MaxSteps = 8
	mustTrain(t, r)
	for _, dir := range []string{checkpoint.BestDir, "step-00000008"} {
		weights := tensorsOf(t, filepath.Join(out, dir, checkpoint.AdapterFile))
		if q := weights["base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"]; len(weights) != 8 || len(q) != 4*32 {
			t.Errorf("%s: %d tensors, %d values", dir, len(weights), len(q))
		}
		var c map[string]any
		b, err := os.ReadFile(filepath.Join(out, dir, checkpoint.AdapterConfigFile))
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil || c["peft_type"] != "LORA" || c["r"] != 4.0 || c["lora_alpha"] != 8.0 || c["base_model_name_or_path"] != base {
			t.Errorf("%s: %v: %s", dir, err, b)
		}
		if _, err := os.Stat(filepath.Join(out, dir, checkpoint.ConfigFile)); err == nil {
			t.Errorf("%s holds a model", dir)
		}
	}
	again, err := RunOf(out)
	if err != nil || again.Init != base || again.Options.LoRARank != 4 || again.Model.HiddenSize != 32 {
		t.Fatalf("the run is %+v: %v", again, err)
	}
	again.Extend, again.Options.MaxSteps = true, 12
	if result, err := Train(context.Background(), again); err != nil || result.Step != 12 {
		t.Errorf("extended: %+v, %v", result, err)
	}
}

// The log of adapters inside the quantiser counts the codes that change; beside the layers none do.
func TestLoRALogsCodes(t *testing.T) {
	dataDir := prepared(t)
	base := loraBase(t, dataDir, nil)
	for placement, changes := range map[adapter.Placement]bool{adapter.Beside: false, adapter.Inside: true} {
		r := loraRun(dataDir, t.TempDir(), base)
		r.Options.LoRADropout, r.Options.LoRAPlacement = 0, placement
		r.Options.MaxSteps, r.Options.LogInterval, r.Options.LearningRate = 8, 1, 0.05
		flips, layers := 0, map[string]bool{}
		r.OnEvent = func(e Event) {
			flips += e.Flips
			for _, l := range e.Layers {
				layers[l.Name] = true
			}
		}
		mustTrain(t, r)
		if flips > 0 != changes || len(layers) > 0 != changes || changes && !layers[model.LayerTensor(1, model.DownProj)] {
			t.Errorf("%s: %d flips in the layers %v", placement, flips, layers)
		}
	}
}

func TestLoRARefusals(t *testing.T) {
	dataDir, out := prepared(t), t.TempDir()
	base := loraBase(t, dataDir, nil)
	r := loraRun(dataDir, out, base)
	r.Options.MaxSteps = 3
	mustTrain(t, r)
	folder := func(spoilt string) string { // of a model in full precision, with NaN in one weight
		dir, _ := folderSpec{config: llama(), dtype: "F32", files: tokenizerOf(t, dataDir), change: func(m map[string]safetensors.Source) {
			if s, ok := m[spoilt]; ok {
				m[spoilt] = rawTensor(spoilt, "F32", s.Shape, slices.Repeat([]byte{0, 0, 0xc0, 0x7f}, s.Elements()))
			}
		}}.write(t)
		return dir
	}
	for want, change := range map[string]func(*Run){
		"Run.Init":           func(r *Run) { r.OutDir, r.Init, r.Model = t.TempDir(), "", smallRun("", "").Model },
		`"qproj"`:            func(r *Run) { r.OutDir, r.Options.LoRATargets = t.TempDir(), "qproj" },
		"lora_rank is -1":    func(r *Run) { r.OutDir, r.Options.LoRARank = t.TempDir(), -1 },
		"lora_rank is 0":     func(r *Run) { r.OutDir, r.Options.LoRARank = t.TempDir(), 0 },
		"lora_dropout is 1":  func(r *Run) { r.OutDir, r.Options.LoRADropout = t.TempDir(), 1 },
		"quantize_from_step": func(r *Run) { r.OutDir, r.Options.QuantizeFromStep = t.TempDir(), 1 },
		"lora_rank is 8":     func(r *Run) { r.Resume, r.Options.LoRARank = true, 8 },
		"other weights":      func(r *Run) { r.Resume, r.Init = true, loraBase(t, dataDir, func(r *Run) { r.Options.Seed = 2 }) },
		"no quantiser": func(r *Run) {
			r.OutDir, r.Init, r.Options.LoRADropout, r.Options.LoRAPlacement = t.TempDir(), folder("x"), 0, adapter.Inside
		},
		"hidden_size is 64":     func(r *Run) { r.OutDir, r.Model = t.TempDir(), model.Config{HiddenSize: 64} },
		"norm.weight: it holds": func(r *Run) { r.OutDir, r.Init = t.TempDir(), folder("model.norm.weight") },
		"up_proj.weight: it":    func(r *Run) { r.OutDir, r.Init = t.TempDir(), folder(model.LayerTensor(1, model.UpProj)) },
		"neither a config.json": func(r *Run) { r.OutDir, r.Init = t.TempDir(), t.TempDir() },
	} {
		again := loraRun(dataDir, out, base)
		again.Options.MaxSteps = 3
		change(&again)
		if _, err := Train(context.Background(), again); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
