package train

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var (
	// trainDir makes the test binary train instead of testing, so that the test can
	// kill it.
	trainDir = flag.String("train-in", "", "for TestResumeAfterKill: train with the data and in the folder `DATA,RUN`")
	kills    = flag.Int("kills", 4, "kill a run `N` times in TestResumeAfterKill")
)

// A run that is killed (SIGKILL) again and again, wherever it happens to be, and resumed
// each time, ends with the weights, the moments, the mean and the best model of one that
// was left alone. When a run comes to its end, another one takes the kills that remain.
func TestResumeAfterKill(t *testing.T) {
	if *trainDir != "" {
		in, out, _ := strings.Cut(*trainDir, ",")
		r := killedRun(in, out)
		if _, err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return
	}
	dataDir, whole := prepared(t), t.TempDir()
	start := time.Now()
	if out, err := child(dataDir, whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	undisturbed, want := time.Since(start), weights(t, whole)
	done, runs := 0, 0
	for ; done < *kills; runs++ {
		out := t.TempDir()
		for done < *kills && killed(t, child(dataDir, out), rand.N(undisturbed/2)) {
			done++
		}
		if out, err := child(dataDir, out).CombinedOutput(); err != nil {
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

func child(dataDir, run string) *exec.Cmd {
	return exec.Command(os.Args[0], "-test.run", "^TestResumeAfterKill$", "-train-in", dataDir+","+run)
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
