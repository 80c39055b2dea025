package train

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"trit/data"
	"trit/optim"
	"trit/train/distill"
)

var (
	// trainDir makes the test binary train instead of testing, so that the test can
	// kill it.
	trainDir  = flag.String("train-in", "", "for TestResumeAfterKill: train with the data and in the folder `DATA,RUN`")
	extendTo  = flag.Int("extend-to", 0, "with -train-in: train the run that is there on to step `N`")
	learnFrom = flag.String("learn-from", "", "with -train-in: learn from the model in the folder `DIR`")
	kills     = flag.Int("kills", 4, "kill a run `N` times in TestResumeAfterKill")
)

// A run that is killed (SIGKILL) again and again, wherever it happens to be, and resumed
// each time, ends with the weights, the moments, the mean and the best model of one that
// was left alone. When a run comes to its end, another one takes the kills that remain.
func TestResumeAfterKill(t *testing.T) {
	if *trainDir != "" {
		in, out, _ := strings.Cut(*trainDir, ",")
		r := killedRun(in, out)
		if m, err := data.OpenManifest(in); err == nil && m.Kind == data.Preferences {
			r = pairRun(in, out)
			r.Resume = true
		}
		if dir := *learnFrom; dir != "" {
			r.Options.DistillAlpha, r.Options.DistillTemperature = 0.7, 2
			r.Teacher, r.OpenTeacher = dir, func(r *Run) (distill.Teacher, error) { return FolderTeacher(r, dir) }
		}
		if *extendTo > 0 {
			r = endedRun(in, out)
			r.Options.MaxSteps, r.Extend = *extendTo, true
		}
		if _, err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return
	}
	dataDir, ended := prepared(t), t.TempDir()
	mustTrain(t, endedRun(dataDir, ended))
	t.Run("begun", func(t *testing.T) { testAfterKill(t, dataDir, t.TempDir(), 0) })
	t.Run("preferences", func(t *testing.T) { testAfterKill(t, preparedPairs(t), t.TempDir(), 0) })
	t.Run("extended", func(t *testing.T) { testAfterKill(t, dataDir, ended, 60) })
	teacher := teacherRun(t, dataDir, 5)
	t.Run("taught", func(t *testing.T) { testAfterKill(t, dataDir, t.TempDir(), 0, "-learn-from", teacher) })
}

// testAfterKill kills runs that go on from the folder begun, to the step extend if it is not 0, with
// more flags.
func testAfterKill(t *testing.T, dataDir, begun string, extend int, more ...string) {
	copied := func() string {
		out := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(out, os.DirFS(begun)); err != nil {
			t.Fatal(err)
		}
		return out
	}
	whole, start := copied(), time.Now()
	if out, err := child(dataDir, whole, extend, more...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	undisturbed, want := time.Since(start), weights(t, whole)
	done, runs := 0, 0
	for ; done < *kills; runs++ {
		out := copied()
		for done < *kills && killed(t, child(dataDir, out, extend, more...), rand.N(undisturbed/2)) {
			done++
		}
		if out, err := child(dataDir, out, extend, more...).CombinedOutput(); err != nil {
			t.Fatalf("resumed: %v: %s", err, out)
		}
		checkSameWeights(t, weights(t, out), want)
	}
	t.Logf("%d runs were killed %d times", runs, done)
}

// killedRun saves and evaluates all the time, so that a kill often meets that. The rate
// of the second half ruins the weights, so the best model is one to be remembered.
func killedRun(dataDir, out string) Run {
	r := smallRun(dataDir, out)
	r.Resume = true
	r.Options.CheckpointInterval, r.Options.EvalInterval, r.Options.OnSpike = 2, 3, SpikeRollback
	r.Options.Stage2LearningRate, r.Options.MaxGradNorm, r.Options.MaxRollbacks = 0.08, 0, 20
	return r
}

// endedRun is a killedRun that can be taken back to before its decay.
func endedRun(dataDir, out string) Run {
	r := killedRun(dataDir, out)
	r.Options.LRSchedule, r.Options.LearningRate = optim.WSD, 0.02
	return r
}

func child(dataDir, run string, extend int, more ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{"-test.run", "^TestResumeAfterKill$", "-train-in", dataDir + "," + run,
		"-extend-to", strconv.Itoa(extend)}, more...)...)
}

// killed starts a process and kills it after a time. It is false if that was over
// already; an end of its own other than success is an error.
func killed(t *testing.T, c *exec.Cmd, after time.Duration) bool {
	t.Helper()
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	if err != nil && c.ProcessState.Exited() {
		t.Fatalf("the run failed by itself: %v: %s", err, out.String())
	}
	return err != nil
}
