//go:build mpi && linux

package openmpi

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "trit/internal/testutil" // accepts -golden
	"trit/train/ranks"
)

// A test starts its own binary through mpirun; this flag says what it does there.
var job = flag.String("job", "", "run as a rank of this `JOB`")

var jobs = map[string]func(ranks.Comm) error{
	"operations": operations, "exchange": exchange, "benchmark": benchmark,
	"abort": func(c ranks.Comm) error { return waitFor(c, func() { c.Abort("the disk is full") }) },
	"die":   func(c ranks.Comm) error { return waitFor(c, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) }) },
	"panic": func(c ranks.Comm) error { return waitFor(c, func() { panic("a fault of the program") }) },
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *job == "" {
		os.Exit(m.Run())
	}
	if err := runJob(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runJob() error {
	c, err := Open()
	if err != nil {
		return err
	}
	if err := jobs[*job](c); err != nil {
		return fmt.Errorf("rank %d of %d: %w", c.Rank(), c.Size(), err)
	}
	fmt.Printf("rank %d of %d is done\n", c.Rank(), c.Size())
	return c.Close()
}

// mpirun starts n ranks of a job and returns what they print. A job that never ends is
// a failure of the test.
func mpirun(t testing.TB, n int, job string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("mpirun is not installed (package openmpi-bin): Open MPI is not tested")
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "--oversubscribe", "--bind-to", "none", "-np", fmt.Sprint(n), os.Args[0], "-job", job)
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("the job %s did not end: %s", job, out)
	}
	return string(out), err
}

func TestJobs(t *testing.T) {
	for _, job := range []string{"operations", "exchange"} {
		for n := 1; n <= 3; n++ {
			out, err := mpirun(t, n, job)
			if err != nil || strings.Count(out, "is done") != n {
				t.Errorf("%s on %d ranks: %v\n%s", job, n, err, out)
			}
		}
	}
}

// Whatever ends one rank ends the job with an error that says why.
func TestLostRankEndsTheJob(t *testing.T) {
	for job, why := range map[string]string{"abort": "rank 1 of 3 ends the job: the disk is full", "die": "signal 9", "panic": "a fault of the program"} {
		out, err := mpirun(t, 3, job)
		if err == nil || !strings.Contains(out, why) || strings.Contains(out, "is done") {
			t.Errorf("%s: %v, want an error and %q in\n%s", job, err, why, out)
		}
	}
}

// operations moves parts of none, odd and many bytes.
func operations(c ranks.Comm) error {
	for _, length := range []int{0, 1, 7, 4096, 3<<20 + 1} {
		own := fill(c.Rank(), c.Rank(), length)
		var src, toHere, all []byte
		for r := range c.Size() {
			src = append(src, fill(c.Rank(), r, length)...)
			toHere = append(toHere, fill(r, c.Rank(), length)...)
			all = append(all, fill(r, r, length)...)
		}
		dst := make([]byte, len(src))
		if err := c.AllToAll(dst, src); err != nil || !slices.Equal(dst, toHere) {
			return fmt.Errorf("AllToAll of %d bytes: wrong bytes, or %v", length, err)
		}
		if err := c.AllGather(dst, own); err != nil || !slices.Equal(dst, all) {
			return fmt.Errorf("AllGather of %d bytes: wrong bytes, or %v", length, err)
		}
		if err := c.Broadcast(own); err != nil || !slices.Equal(own, fill(0, 0, length)) {
			return fmt.Errorf("Broadcast of %d bytes: wrong bytes, or %v", length, err)
		}
	}
	if c.AllGather(make([]byte, 2*c.Size()+1), make([]byte, 2)) == nil || c.AllToAll(make([]byte, 1), make([]byte, 2*c.Size())) == nil {
		return errors.New("wrong lengths were accepted")
	}
	return nil
}

// fill is what one rank sends to another.
func fill(from, to, n int) []byte {
	x := make([]byte, n)
	for i := range x {
		x[i] = byte(i*7 + i>>8 + 31*from + 5*to)
	}
	return x
}

// exchange takes a few steps of bucketed sums and compares with sums made here.
func exchange(c ranks.Comm) error {
	weights := []ranks.Weight{{Name: "b", Len: 1001}, {Name: "a", Len: 70003}}
	e, err := ranks.NewExchange(c, weights, 50000)
	if err != nil {
		return err
	}
	value := func(rank, step, i int) float32 { return 1 / float32(3+i%1000+rank*7+step) }
	for step := range 3 {
		e.Begin()
		for _, w := range weights {
			g := make([]float32, w.Len)
			for i := range g {
				g[i] = value(c.Rank(), step, i)
			}
			e.Add(w.Name, g)
		}
		if err := e.Wait(); err != nil {
			return err
		}
		for _, p := range e.Owned() {
			for k, got := range e.Sums(p) {
				want := value(0, step, p.Lo+k)
				for r := 1; r < c.Size(); r++ {
					want += value(r, step, p.Lo+k)
				}
				if got != want {
					return fmt.Errorf("step %d: sum %d of %s is %g, want %g", step, p.Lo+k, p.Name, got, want)
				}
			}
		}
	}
	return nil
}

// waitFor lets rank 1 end in a way of its own while the others wait for it.
func waitFor(c ranks.Comm, end func()) error {
	if err := ranks.Agree(c, "the job", nil); err != nil {
		return err
	}
	if c.Rank() == 1 {
		end()
	}
	return ranks.Agree(c, "the job", nil)
}

// BenchmarkAllToAll is the time of a bucket between two ranks of this machine.
func BenchmarkAllToAll(b *testing.B) {
	for b.Loop() {
		out, err := mpirun(b, 2, "benchmark")
		var seconds float64
		_, result, _ := strings.Cut(out, "seconds a bucket:")
		if _, scan := fmt.Sscan(result, &seconds); err != nil || scan != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.ReportMetric(seconds*1e6, "us/bucket")
		b.ReportMetric(ranks.BucketBytes/2/seconds/1e9, "GB/s/rank")
	}
}

func benchmark(c ranks.Comm) error {
	src := make([]byte, ranks.BucketBytes)
	dst := make([]byte, len(src))
	const rounds = 100
	var start time.Time
	for i := range rounds + 1 {
		if i == 1 {
			start = time.Now() // the first one makes connections
		}
		if err := c.AllToAll(dst, src); err != nil {
			return err
		}
	}
	if c.Rank() == 0 {
		fmt.Println("seconds a bucket:", time.Since(start).Seconds()/rounds)
	}
	return nil
}
