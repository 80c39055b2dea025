//go:build unix

package convert

import (
	"context"
	"crypto/sha256"
	"flag"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/model"
)

var (
	// convertInto makes the test binary convert instead of testing, so that the test can
	// kill it.
	convertInto = flag.String("convert-into", "", "for TestKilled: convert from and to `IN,OUT`")
	killsFlag   = flag.Int("kills", 12, "kill a conversion `N` times in TestKilled, half to a file and half to a folder")
	killSeed    = flag.Uint64("kill-seed", 1, "seed of the moments in TestKilled")
)

// killedModel has some MB.
var killedModel = model.Config{VocabSize: 4096, HiddenSize: 512, IntermediateSize: 1024, NumHiddenLayers: 4, NumAttentionHeads: 8, NumKeyValueHeads: 8, SubNorms: true, TieWordEmbeddings: true, Ternary: true}

// A conversion that is killed (SIGKILL) wherever it happens to be, over an output that was
// there, leaves the old output or the new one, byte for byte; the next conversion removes
// what the killed ones left.
func TestKilled(t *testing.T) {
	if in, out, ok := strings.Cut(*convertInto, ","); ok {
		if _, err := Convert(context.Background(), in, out, Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		return
	}
	in := t.TempDir()
	generate(t, in, killedModel, true)
	old := t.TempDir()
	generate(t, old, tiny, true)
	r := rand.New(rand.NewPCG(*killSeed, 0))
	for _, name := range []string{"x.gguf", "x"} {
		t.Run(name, func(t *testing.T) { killEach(t, old, in, name, r) })
	}
}

// killEach kills conversions of the model in over that of old.
func killEach(t *testing.T, old, in, name string, r *rand.Rand) {
	out := filepath.Join(t.TempDir(), name)
	start := time.Now()
	runChild(t, in, out)
	undisturbed, after := time.Since(start), digests(t, out)
	reset := func() map[string][32]byte {
		if _, err := Convert(context.Background(), old, out, Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		if left := beside(t, out); len(left) > 0 {
			t.Errorf("%v is left after a whole conversion", left)
		}
		return digests(t, out)
	}
	before := reset()
	olds, news, most := 0, 0, 0
	for range *killsFlag / 2 {
		killAfter(t, childConversion(in, out), time.Duration(r.Float64()*1.1*float64(undisturbed)))
		most = max(most, len(beside(t, out)))
		switch got := digests(t, out); {
		case maps.Equal(got, before):
			olds++
		case maps.Equal(got, after):
			news++
			reset()
		default:
			t.Fatalf("the output is neither the old nor the new one: it holds %d files", len(got))
		}
	}
	if most > 1 {
		t.Errorf("up to %d things lay beside the output, want that of the last conversion at most", most)
	}
	t.Logf("%d kills left the old output, %d the new one; at most %d thing lay beside it", olds, news, most)
	runChild(t, in, out)
	if left := beside(t, out); len(left) > 0 || !maps.Equal(digests(t, out), after) {
		t.Errorf("the next conversion left %v beside its output, or made another one", left)
	}
}

func childConversion(in, out string) *exec.Cmd {
	return exec.Command(os.Args[0], "-test.run", "^TestKilled$", "-convert-into", in+","+out)
}

func runChild(t *testing.T, in, out string) {
	t.Helper()
	if b, err := childConversion(in, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}

// killAfter kills a process after a time, unless it has ended well before.
func killAfter(t *testing.T, c *exec.Cmd, after time.Duration) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	if err := c.Wait(); err != nil && c.ProcessState.Exited() {
		t.Fatalf("the conversion failed by itself: %v", err)
	}
}

// digests are the sums of a file, or of all files in a folder.
func digests(t *testing.T, path string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		name, _ := filepath.Rel(path, p)
		out[name] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// beside is what lies in the folder of the output but the output.
func beside(t *testing.T, out string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == filepath.Base(out) })
}
