//go:build mpi && linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
	"trit/data"
	"trit/data/world"
	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/train"
)

// mpiJob is a small data set and a binary to train on it with several ranks.
type mpiJob struct{ binary, data string }

func newMPIJob(t *testing.T) *mpiJob {
	t.Helper()
	if _, err := exec.LookPath("mpirun"); err != nil {
		t.Skip("mpirun is not installed (package openmpi-bin): training on several ranks is not tested")
	}
	dir := t.TempDir()
	j := &mpiJob{filepath.Join(dir, "trit"), filepath.Join(dir, "data")}
	if out, err := exec.Command("go", "build", "-tags", "mpi", "-o", j.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := world.Generate(world.Options{Seed: 1, Documents: 200, Questions: 1}).Write(dir); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, world.TextFile)}
	tok, err := data.TrainTokenizer(t.Context(), data.TokenizerOptions{Files: files, Column: "text", VocabSize: 320, Out: filepath.Join(dir, "tokenizer")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Prepare(t.Context(), data.PrepareOptions{Files: files, Column: "text", Tokenizer: tok, Holdout: 0.1, Seed: 1, Out: j.data}); err != nil {
		t.Fatal(err)
	}
	return j
}

// train is a command that trains on n ranks. Layers do not round, and AdamW moves them, so that sums in
// another order stay close.
func (j *mpiJob) train(ctx context.Context, n, steps int, out string, more ...string) *exec.Cmd {
	args := []string{j.binary, "train", "--config", "trit-1m-adamw", "--data", j.data, "--out", out, "--max-steps", strconv.Itoa(steps), "--threads", "1", "--precision", "float32"}
	for _, s := range strings.Fields("hidden_size=64 intermediate_size=128 num_hidden_layers=3 ternary=false sequence_length=64 batch_size=2 gradient_accumulation_steps=4 log_interval=1 checkpoint_interval=10 ema_decay=0.9") {
		args = append(args, "--set", s)
	}
	args = append(args, more...)
	if n > 1 {
		args = append(strings.Fields("mpirun --oversubscribe --bind-to none -np "+strconv.Itoa(n)), args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	return cmd
}

// must runs a command to its end.
func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// losses reads the losses of the steps in the log of a run.
func losses(t *testing.T, run string) (out []float64) {
	t.Helper()
	f, err := os.Open(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e train.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event == "step" {
			out = append(out, e.Loss)
		}
	}
	return out
}

// compareMPI compares losses and last weights of two runs.
func compareMPI(t *testing.T, got, want string, steps int) {
	t.Helper()
	a, b := losses(t, got), losses(t, want)
	if len(a) != steps || len(b) != steps {
		t.Fatalf("%d and %d steps, want %d", len(a), len(b), steps)
	}
	worst := 0.0
	for i := range b {
		worst = max(worst, math.Abs(a[i]/b[i]-1))
	}
	if t.Logf("losses differ by %.2g", worst); worst > 1e-4 {
		t.Errorf("losses differ by %.3g", worst)
	}
	for _, file := range []string{"model", "ema"} {
		name := filepath.Join(fmt.Sprintf("step-%08d", steps), file+".safetensors")
		w, err := safetensors.Open(filepath.Join(want, name))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		g, err := safetensors.Open(filepath.Join(got, name))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		for _, i := range w.Tensors() {
			x, _ := g.Float32(i.Name)
			y, _ := w.Float32(i.Name)
			if e := testutil.RelativeL2(x, y); e > 1e-3 {
				t.Errorf("%s of %s differs by %.3g", i.Name, file, e)
			}
		}
	}
}

// Two processes train as one does, and stop and go on as one does.
func TestMPITrainsAsOne(t *testing.T) {
	j, one, two := newMPIJob(t), t.TempDir(), t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	must(t, j.train(ctx, 1, 30, one))
	if out := must(t, j.train(ctx, 2, 30, two)); strings.Count(out, "done: 30 steps") != 1 {
		t.Errorf("one rank is to speak for all:\n%s", out)
	}
	compareMPI(t, two, one, 30)
	if out, err := j.train(ctx, 2, 30, t.TempDir(), "--set", "gradient_accumulation_steps=3").CombinedOutput(); err == nil || !strings.Contains(string(out), "a multiple of their number, 2") {
		t.Errorf("three micro-batches for two ranks: %v\n%s", err, out)
	}
}

// started runs a job until its first checkpoint, and then does something to it.
func started(t *testing.T, cmd *exec.Cmd, out string, then func(mpirun int)) (text string, err error) {
	t.Helper()
	var b strings.Builder
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for first := filepath.Join(out, "step-00000010"); ; {
		select {
		case err := <-ended:
			t.Fatalf("the job ended before its time: %v\n%s", err, b.String())
		case <-time.After(time.Millisecond):
		}
		if _, err := os.Stat(first); err == nil {
			break
		}
	}
	then(cmd.Process.Pid)
	err = <-ended
	return b.String(), err
}

// A rank that is killed ends the job, and one rank goes on from its last checkpoint to
// the end of an undisturbed run; mpirun passes on SIGUSR1, which saves and ends.
func TestMPIKilledRank(t *testing.T) {
	const steps = 100
	j, whole, killed, stopped := newMPIJob(t), t.TempDir(), t.TempDir(), t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	must(t, j.train(ctx, 1, steps, whole))
	out, err := started(t, j.train(ctx, 2, steps, killed), killed, func(mpirun int) {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", mpirun, mpirun))
		pids := strings.Fields(string(children))
		if err != nil || len(pids) != 2 {
			t.Fatalf("mpirun has the children %v, %v: want its two ranks", pids, err)
		}
		pid, _ := strconv.Atoi(pids[1])
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})
	if err == nil || !strings.Contains(out, "signal 9") {
		t.Errorf("a killed rank: %v\n%s", err, out)
	}
	if n := len(losses(t, killed)); n < 10 || n >= steps {
		t.Errorf("the job was killed after %d steps", n)
	}
	must(t, j.train(ctx, 1, steps, killed, "--resume"))
	compareMPI(t, killed, whole, steps)

	out, err = started(t, j.train(ctx, 2, steps, stopped), stopped, func(mpirun int) { syscall.Kill(mpirun, syscall.SIGUSR1) })
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != cmdline.ExitStopped ||
		strings.Count(out, "stopped and saved at step") != 1 {
		t.Errorf("SIGUSR1: %v\n%s", err, out)
	}
	must(t, j.train(ctx, 2, steps, stopped, "--resume"))
	compareMPI(t, stopped, whole, steps)
}
