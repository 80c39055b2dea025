package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/internal/testutil"
	"trit/optim"
	"trit/train/checkpoint"
	"trit/train/ranks"
	"trit/train/runlog"
)

// trainOn trains on n ranks of this process and returns what rank 0 returns. change may
// differ from rank to rank.
func trainOn(n int, r Run, change func(rank int, r *Run)) (*Result, error) {
	return trainUnder(context.Background(), n, r, change)
}

func trainUnder(ctx context.Context, n int, r Run, change func(rank int, r *Run)) (*Result, error) {
	if n == 1 {
		if change != nil {
			change(0, &r)
		}
		return Train(ctx, r)
	}
	results, errs := make([]*Result, n), make([]error, n)
	var all sync.WaitGroup
	for rank, c := range ranks.Group(n) {
		all.Go(func() {
			own := r
			own.Comm = c
			if rank > 0 {
				own.OnEvent = nil
			}
			if change != nil {
				change(rank, &own)
			}
			if results[rank], errs[rank] = Train(ctx, own); errs[rank] != nil {
				c.Abort(errs[rank].Error())
			}
		})
	}
	all.Wait()
	return results[0], errors.Join(errs...)
}

// onRanks shows what each of n ranks makes of a run.
func onRanks(t *testing.T, n int, r Run, show func(*trainer)) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range ranks.Group(n) {
		all.Go(func() {
			own := r
			own.Comm = c
			tr, err := newTrainer(&own)
			if err != nil {
				t.Error(err)
				c.Abort(err.Error())
				return
			}
			defer tr.close()
			show(tr)
		})
	}
	all.Wait()
}

// sharedRun has 4 micro-batches a step. Its layers do not round: where weights do, sums in
// another order move some to the next value, and runs part.
func sharedRun(dataDir, out string) Run {
	r := smallRun(dataDir, out)
	r.Options.GradientAccumulation, r.Options.MaxSteps, r.Options.LogInterval, r.Options.EvalBatches = 4, 20, 1, 5
	r.Model.Ternary, r.Options.Precision = false, PrecisionFloat32
	return r
}

// closeTo is how far sums in another order may move losses and tensors in a short run.
const closeTo = 2e-5

// compareRuns compares the logs of two runs and the tensors of their last checkpoints.
func compareRuns(t *testing.T, got, want string) {
	t.Helper()
	for _, kind := range []string{"step", "eval"} {
		a, b := events(t, got, kind), events(t, want, kind)
		if len(a) != len(b) || len(b) == 0 {
			t.Fatalf("%d lines of %s, want %d", len(a), kind, len(b))
		}
		for i := range b {
			if e := math.Abs(a[i].Loss/b[i].Loss - 1); e > closeTo || a[i].Tokens != b[i].Tokens || a[i].Step != b[i].Step ||
				math.Abs(a[i].BitsPerByte-b[i].BitsPerByte) > closeTo {
				t.Errorf("the loss differs by %.3g: %+v, want %+v", e, a[i], b[i])
			}
		}
	}
	for _, file := range []string{"model", "optimizer", "ema"} {
		a, b := newest(t, got, file), newest(t, want, file)
		if len(a) != len(b) {
			t.Errorf("%s has %d tensors, want %d", file, len(a), len(b))
		}
		worst := 0.0
		for name := range b {
			worst = max(worst, testutil.RelativeL2(a[name], b[name]))
		}
		if t.Logf("%s differs by %.2g", file, worst); worst > 10*closeTo {
			t.Errorf("%s differs by %.3g", file, worst)
		}
	}
}

// newest is a file of the newest checkpoint.
func newest(t *testing.T, run, file string) map[string][]float32 {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(run, "step-*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%s has no checkpoint: %v", run, err)
	}
	path := filepath.Join(dirs[len(dirs)-1], file+".safetensors")
	if adapters := filepath.Join(dirs[len(dirs)-1], checkpoint.AdapterFile); file == "model" {
		if _, err := os.Stat(adapters); err == nil {
			path = adapters
		}
	}
	return tensorsOf(t, path)
}

func TestRanksTrainAsOne(t *testing.T) { testRanksTrainAsOne(t, optim.ByAdamW) }

// The parts of four ranks end in the middle of matrices.
func TestRanksTrainAsOneByMuon(t *testing.T) { testRanksTrainAsOne(t, optim.ByMuon) }

func testRanksTrainAsOne(t *testing.T, by optim.Kind) {
	dataDir, one := prepared(t), t.TempDir()
	run := func(out string) Run {
		r := sharedRun(dataDir, out)
		r.Options.Optimizer, r.Options.MuonPrecision = by, PrecisionFloat32
		return r
	}
	if _, err := trainOn(1, run(one), nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 4} {
		out := t.TempDir()
		result, err := trainOn(n, run(out), nil)
		if err != nil {
			t.Fatal(err)
		}
		compareRuns(t, out, one)
		if result.Best == nil || len(tensorsOf(t, filepath.Join(out, checkpoint.BestDir, checkpoint.WeightsFile))) == 0 {
			t.Errorf("best is %+v", result.Best)
		}
	}
}

// A run that goes on with another number of ranks each time ends where an undisturbed one
// does.
func TestRanksResumeEachOther(t *testing.T) {
	dataDir, whole, parts := prepared(t), t.TempDir(), t.TempDir()
	if _, err := trainOn(1, sharedRun(dataDir, whole), nil); err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{2, 1, 4, 2} {
		r := sharedRun(dataDir, parts)
		r.Resume = i > 0
		ctx, cancel := context.WithCancel(context.Background())
		r.OnEvent = func(e Event) {
			if e.Step >= 6*(i+1) {
				cancel()
			}
		}
		result, err := trainUnder(ctx, n, r, nil)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if want := min(6*(i+1), 20); result.Step != want || result.Interrupted != (want < 20) {
			t.Fatalf("part %d on %d ranks ended with %+v, want step %d", i, n, result, want)
		}
	}
	compareRuns(t, parts, whole)
}

// Resumed on the same number of ranks, a run has the bits of one that was never stopped.
func TestRanksResumeExactly(t *testing.T) {
	dataDir, whole, parts := prepared(t), t.TempDir(), t.TempDir()
	if _, err := trainOn(2, smallRun(dataDir, whole), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := smallRun(dataDir, parts)
	r.OnEvent = func(e Event) {
		if e.Step >= 10 {
			cancel()
		}
	}
	if _, err := trainUnder(ctx, 2, r, nil); err != nil {
		t.Fatal(err)
	}
	r.Resume, r.OnEvent = true, nil
	if _, err := trainOn(2, r, nil); err != nil {
		t.Fatal(err)
	}
	checkSameWeights(t, weights(t, parts), weights(t, whole))
}

// What the optimiser holds is shared out evenly.
func TestRanksShareMoments(t *testing.T) {
	dataDir := prepared(t)
	for _, n := range []int{1, 2, 4} {
		held, all := make([]int, n), 0
		onRanks(t, n, sharedRun(dataDir, t.TempDir()), func(tr *trainer) {
			for i, p := range tr.share.optimizer.Params {
				held[tr.share.comm.Rank()] += 4 * (len(p.M) + len(p.V) + len(tr.share.mean[i]))
			}
			if tr.share.isRank0() {
				all = 3 * 4 * tr.run.Model.Parameters()
			}
		})
		for rank, bytes := range held {
			if want := all / n; bytes > want+3*4*n || bytes < want-3*4*n {
				t.Errorf("rank %d of %d holds %d bytes of moments and means, want %d", rank, n, bytes, want)
			}
		}
	}
}

// A run with a limit of time takes the steps and the end that rank 0 says: ranks that took
// others would lose each other.
func TestRanksEndTogether(t *testing.T) {
	r := sharedRun(prepared(t), t.TempDir())
	r.Options.MaxSteps, r.MaxTime = 0, 300*time.Millisecond
	if _, err := trainOn(2, r, nil); err != nil {
		t.Error(err)
	}
}

func TestRanksRefuse(t *testing.T) {
	dataDir, other := prepared(t), preparedFrom(t, 2)
	for want, change := range map[string]func(rank int, r *Run){
		"a multiple of their number, 2": func(_ int, r *Run) { r.Options.GradientAccumulation = 3 },
		"the configuration of rank 1":   func(rank int, r *Run) { r.Options.Seed += uint64(rank) },
		"the data set of rank 1": func(rank int, r *Run) {
			if rank == 1 {
				r.DataDir = other
			}
		},
		"no such file": func(rank int, r *Run) { // while the others go on
			if rank == 1 {
				r.DataDir = t.TempDir()
			}
		},
		"not a directory": func(_ int, r *Run) { r.OutDir = filepath.Join(dataDir, "dataset.json") },
	} {
		if _, err := trainOn(2, sharedRun(dataDir, t.TempDir()), change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A rollback on two ranks is that of one.
func TestRanksRollBackTogether(t *testing.T) {
	dataDir := prepared(t)
	run := func(n int) string {
		r := sharedRun(dataDir, t.TempDir())
		r.Options.OnSpike = SpikeRollback
		result, err := trainOn(n, r, func(_ int, r *Run) { r.Guard = &planted{12, 1} })
		if err != nil || result.Step != r.Options.MaxSteps {
			t.Fatalf("%d ranks: %+v, %v", n, result, err)
		}
		if e := events(t, r.OutDir, "rollback"); len(e) != 1 || e[0].Step != 7 {
			t.Errorf("%d ranks: rollbacks %+v", n, e)
		}
		return r.OutDir
	}
	compareRuns(t, run(2), run(1))
}

// All ranks begin with the weights of a folder, which rank 0 reads.
func TestRanksBeginWithAFolder(t *testing.T) {
	dataDir, first := prepared(t), t.TempDir()
	if _, err := trainOn(1, sharedRun(dataDir, first), nil); err != nil {
		t.Fatal(err)
	}
	run := func(n int) string {
		r := sharedRun(dataDir, t.TempDir())
		r.Init = first
		if _, err := trainOn(n, r, nil); err != nil {
			t.Fatal(err)
		}
		return r.OutDir
	}
	two, one := run(2), run(1)
	compareRuns(t, two, one)
	if got, fresh := events(t, two, "step")[0].Loss, events(t, first, "step")[0].Loss; got > fresh-0.5 {
		t.Errorf("the first loss is %g, that of fresh weights %g", got, fresh)
	}
}

// Micro-batches give what one batch of all their rows gives, although they have other
// numbers of targets: without rounding of layers, up to the order of float32 sums.
func TestMicroBatchesAreOneBatch(t *testing.T) {
	dataDir := prepared(t)
	losses := func(batch, microBatches int) (list []float64) {
		r := smallRun(dataDir, t.TempDir())
		r.Model.Ternary, r.Options.Precision = false, PrecisionFloat32
		r.Options.BatchSize, r.Options.GradientAccumulation = batch, microBatches
		r.Options.MaxSteps, r.Options.LogInterval = 20, 1
		r.OnEvent = func(e Event) {
			if e.Event == runlog.StepEvent {
				list = append(list, e.Loss)
			}
		}
		if _, err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := losses(4, 1)
	for i, got := range losses(1, 4) {
		if math.Abs(got-want[i]) > 1e-5 {
			t.Fatalf("step %d: loss %.7g, with one batch %.7g", i+1, got, want[i])
		}
	}
}
