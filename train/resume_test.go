package train

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/data"
	"trit/data/source"
	"trit/data/world"
	"trit/format/safetensors"
	"trit/model"
	"trit/optim"
	"trit/tokenizer"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// prepared makes a small data set.
func prepared(t testing.TB) string { return preparedFrom(t, 1) }

// preparedFrom makes a small data set of a world, with a tokenizer of its own.
func preparedFrom(t testing.TB, seed uint64) string {
	t.Helper()
	return preparedWith(t, seed, func(files []string) (*tokenizer.Tokenizer, error) {
		return tokenizer.Train(source.ReadColumn(context.Background(), files, "text"), tokenizer.TrainOptions{VocabSize: 320})
	})
}

func preparedWith(t testing.TB, seed uint64, tokenizerOf func(files []string) (*tokenizer.Tokenizer, error)) string {
	t.Helper()
	dir := t.TempDir()
	if err := world.Generate(world.Options{Seed: seed, Documents: 200, Questions: 1}).Write(dir); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, world.TextFile)}
	tok, err := tokenizerOf(files)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "data")
	if _, err := data.Prepare(context.Background(), data.PrepareOptions{Files: files, Column: "text", Tokenizer: tok,
		Holdout: 0.1, Seed: 1, Out: out}); err != nil {
		t.Fatal(err)
	}
	return out
}

func smallRun(dataDir, out string) Run {
	o := Default()
	o.SequenceLength, o.BatchSize, o.GradientAccumulation, o.MaxSteps, o.WarmupSteps = 32, 2, 2, 40, 4
	o.LogInterval, o.CheckpointInterval, o.EvalInterval = 5, 7, 15
	o.EMADecay = 0.9
	o.Precision, o.MuonPrecision = PrecisionFloat32, PrecisionFloat32 // auto may be another on a machine that is busy
	c := model.Config{HiddenSize: 32, IntermediateSize: 64, NumHiddenLayers: 2, NumAttentionHeads: 4,
		NumKeyValueHeads: 2, SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	return Run{Model: c, Options: o, DataDir: dataDir, OutDir: out}
}

// weights are all tensors of the newest checkpoint, optimiser and running mean included,
// and the files of the best model.
func weights(t *testing.T, run string) map[string][]byte {
	t.Helper()
	c, err := checkpoint.Load(run)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out := tensors(c)
	best, err := os.ReadDir(filepath.Join(run, checkpoint.BestDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range best {
		out["best/"+f.Name()], _ = os.ReadFile(filepath.Join(run, checkpoint.BestDir, f.Name()))
	}
	return out
}

// tensors are all tensors of a checkpoint, with the names of their files.
func tensors(c *checkpoint.Loaded) map[string][]byte {
	out := map[string][]byte{}
	for file, f := range map[string]*safetensors.File{"model": c.Weights, "optimizer": c.Optimizer, "ema": c.EMA} {
		for _, i := range f.Tensors() {
			b, _ := f.Bytes(i.Name)
			out[file+" "+i.Name] = slices.Clone(b)
		}
	}
	return out
}

func checkSameWeights(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d tensors, want %d", len(got), len(want))
	}
	for name, b := range want {
		if !slices.Equal(got[name], b) {
			t.Errorf("%s is not the same, bit for bit", name)
		}
	}
}

func TestResumeIsExact(t *testing.T) {
	dataDir := prepared(t)
	for name, change := range map[string]func(*Run){
		"plain": func(*Run) {},
		"b1, rounded bit by bit": func(r *Run) {
			r.Model.Sign, r.Options.QuantizeFromStep, r.Options.QuantizeWarmupSteps, r.Options.ZLoss = true, 8, 12, 1e-4
			r.Options.Moments = optim.MomentsBF16
		},
		"muon": func(r *Run) {
			r.Options.Optimizer, r.Options.MuonWeightDecay, r.Options.Moments = optim.ByMuon, 0.1, optim.MomentsBF16
			r.Options.LRSchedule, r.Options.LRDecay, r.Options.StageSwitch = optim.WSD, optim.SqrtDecay, 0.2
			r.Options.QuantizeFromShare, r.Options.QuantizeWarmupSteps = 0.31, 5
			r.Options.Precision, r.Options.MuonPrecision = PrecisionBF16, PrecisionBF16
		},
		"gradients in int8": func(r *Run) {
			if graph.HasInt8Gradients() {
				r.Options.Gradients, r.Options.QuantizeFromStep = GradientsInt8, 4
			}
		},
		"norms of heads": func(r *Run) { r.Model.SubNorms, r.Model.QKNorm = false, true },
		"bounded logits": func(r *Run) { r.Model.FinalLogitSoftcapping = 5 },
		"BitNet v2, and Tequila": func(r *Run) {
			r.Model.HadamardBlock, r.Model.Int4Activations, r.Model.DeadzoneBias = 32, true, 0.01
			r.Options.Int4FromShare, r.Options.QuantizeFromStep, r.Options.QuantizeWarmupSteps = 0.6, 3, 9
		},
		"checkpointed activations, turned": func(r *Run) {
			r.Options.CheckpointActivations, r.Model.HadamardBlock, r.Model.SubNorms = true, 16, false
		},
		"checkpointed activations": func(r *Run) { r.Options.CheckpointActivations = true },
	} {
		t.Run(name, func(t *testing.T) {
			testResumeIsExact(t, func(out string) Run {
				r := smallRun(dataDir, out)
				change(&r)
				return r
			})
		})
	}
}

// testResumeIsExact compares a run with one that is interrupted again and again; start
// makes both.
func testResumeIsExact(t *testing.T, start func(out string) Run) {
	whole, parts := t.TempDir(), t.TempDir()
	result, err := Train(context.Background(), start(whole))
	if err != nil {
		t.Fatal(err)
	}
	if result.Step != 40 || result.Eval.BitsPerByte <= 0 {
		t.Errorf("result %+v", result)
	}
	for stop := 5; ; stop += 10 { // interrupted again and again, as by Ctrl-C
		ctx, cancel := context.WithCancel(context.Background())
		r := start(parts)
		r.Resume = stop > 5
		r.OnEvent = func(e Event) {
			if e.Step >= stop {
				cancel()
			}
		}
		result, err := Train(ctx, r)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if !result.Interrupted || result.Step == 40 {
			break
		}
	}
	checkSameWeights(t, weights(t, parts), weights(t, whole))
	a, _ := os.ReadFile(filepath.Join(whole, "metrics.jsonl"))
	b, _ := os.ReadFile(filepath.Join(parts, "metrics.jsonl"))
	if n := strings.Count(string(a), `"event":"step"`); n != 8 || strings.Count(string(b), `"event":"step"`) != n {
		t.Errorf("the logs have %d and %d lines of steps, want 8", n, strings.Count(string(b), `"event":"step"`))
	}
}

// Measuring how long a step takes leaves no trace in a new run.
func TestMeasuringChangesNothing(t *testing.T) {
	dataDir, measured, given := prepared(t), t.TempDir(), t.TempDir()
	r := smallRun(dataDir, measured)
	r.Options.MaxSteps = 10
	tr, err := newTrainer(&r)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	if seconds, err := tr.stepSeconds(); err != nil || seconds <= 0 {
		t.Fatal(seconds, err)
	}
	tr.share.optimizer.Reset()
	if _, err := tr.loop(context.Background()); err != nil {
		t.Fatal(err)
	}
	r = smallRun(dataDir, given)
	r.Options.MaxSteps = 10
	mustTrain(t, r)
	checkSameWeights(t, weights(t, measured), weights(t, given))
}

func TestRefusals(t *testing.T) {
	dataDir, out := prepared(t), t.TempDir()
	r := smallRun(dataDir, out)
	r.Options.MaxSteps = 3
	if _, err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Run){
		"Run.Resume":    func(*Run) {},
		"learning_rate": func(r *Run) { r.Resume, r.Options.LearningRate = true, 0.5 },
		"a share of max_steps": func(r *Run) {
			r.OutDir, r.Options.MaxSteps, r.MaxTime, r.Options.QuantizeFromShare = t.TempDir(), 0, time.Minute, 0.5
		},
		"precision is":                   func(r *Run) { r.OutDir, r.Options.Precision = t.TempDir(), "half" },
		"begun with":                     func(r *Run) { r.Resume, r.Options.Precision = true, PrecisionBF16 },
		"hidden_size":                    func(r *Run) { r.Resume, r.Model.HiddenSize = true, 64 },
		"vocab_size":                     func(r *Run) { r.OutDir, r.Model.VocabSize = t.TempDir(), 10 },
		"rounding into force by step 50": func(r *Run) { r.OutDir, r.Options.QuantizeFromStep = t.TempDir(), 50 },
		"dataset.json":                   func(r *Run) { r.OutDir, r.DataDir = t.TempDir(), t.TempDir() },
		"other data":                     func(r *Run) { r.Resume, r.DataDir = true, preparedFrom(t, 2) },
		"ema_decay":                      func(r *Run) { r.Resume, r.Options.EMADecay = true, 0 },
		"batch_size":                     func(r *Run) { r.OutDir, r.Options.BatchSize = t.TempDir(), 0 },
		"max_steps is 0":                 func(r *Run) { r.OutDir, r.Options.MaxSteps = t.TempDir(), 0 },
	} {
		again := smallRun(dataDir, out)
		again.Options.MaxSteps = 3
		change(&again)
		if _, err := Train(context.Background(), again); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	unlock, err := checkpoint.Lock(filepath.Join(out, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	r.Resume = true
	if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("a locked folder: got %v", err)
	}
}
