package train

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"trit/data"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

// openFiles lists the files under some folders that this process has open or mapped.
func openFiles(t *testing.T, dirs ...string) (open []string) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.Fields(string(maps))
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if path, err := os.Readlink(fd); err == nil {
			seen = append(seen, path)
		}
	}
	for _, path := range seen {
		for _, dir := range dirs {
			if strings.HasPrefix(path, dir+"/") {
				open = append(open, path)
			}
		}
	}
	return open
}

// A run that cannot begin leaves nothing open, wherever it fails, and a trainer that is closed
// neither.
func TestNothingStaysOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are counted in /proc")
	}
	dataDir := prepared(t)
	begun := smallRun(dataDir, t.TempDir())
	begun.Options.MaxSteps = 3
	if _, err := Train(t.Context(), begun); err != nil {
		t.Fatal(err)
	}
	if open := openFiles(t, dataDir, begun.OutDir); len(open) > 0 {
		t.Errorf("Train leaves open %v", open)
	}
	resumed := begun
	resumed.Resume = true
	tr, err := newTrainer(&resumed)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.openLog(); err != nil {
		t.Fatal(err)
	}
	while := openFiles(t, dataDir, begun.OutDir)
	if err := tr.close(); err != nil || len(while) < 3 {
		t.Errorf("a trainer has open %v, want both splits and the log; closed with %v", while, err)
	}
	for want, change := range map[string]func(*Run){
		"heldout":     func(r *Run) { r.DataDir = withoutHeldout(t, dataDir) },
		"Run.Resume":  func(r *Run) {},
		"begun with":  func(r *Run) { r.Resume, r.Options.Seed = true, 9 },
		"guard":       func(r *Run) { r.Resume = true; breakGuard(t, r) },
		"is a direct": func(r *Run) { r.Resume, r.OutDir = true, t.TempDir(); mkdir(t, r.OutDir, runlog.LogFile) },
	} {
		r := begun
		change(&r)
		if _, err := Train(t.Context(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if open := openFiles(t, r.DataDir, r.OutDir); len(open) > 0 {
			t.Errorf("%s: %v stay open", want, open)
		}
	}
}

// withoutHeldout is a copy of a data set that lacks the shard of the held-out split.
func withoutHeldout(t *testing.T, dataDir string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(dataDir)); err != nil {
		t.Fatal(err)
	}
	shards, err := filepath.Glob(filepath.Join(dir, data.Heldout+"*"))
	if err != nil || len(shards) == 0 {
		t.Fatalf("the data have no held-out shard: %v", err)
	}
	for _, s := range shards {
		if err := os.Remove(s); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// breakGuard makes a copy of the run whose guard cannot read what it knew.
func breakGuard(t *testing.T, r *Run) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(r.OutDir)); err != nil {
		t.Fatal(err)
	}
	r.OutDir = dir
	broken := func(s *checkpoint.State) { s.Loop = json.RawMessage(`{"guard":{"losses":"many"}}`) }
	if err := checkpoint.UpdateState(dir, r.Options.MaxSteps, broken); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path ...string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(path...), 0o755); err != nil {
		t.Fatal(err)
	}
}

// closing notes that it was closed.
type closing struct {
	name  string
	order *[]string
	err   error
}

func (c closing) Close() error {
	*c.order = append(*c.order, c.name)
	return c.err
}

// All is closed, the last opened first, also after an error; and once only.
func TestClosers(t *testing.T) {
	var order []string
	var c closers
	failed := errors.New("failed")
	for _, x := range []closing{{"data", &order, nil}, {"graph", &order, failed}, {"log", &order, nil}} {
		c.add(x)
	}
	if err := c.Close(); !errors.Is(err, failed) || strings.Join(order, " ") != "log graph data" {
		t.Errorf("closed %v with %v", order, err)
	}
	if err := c.Close(); err != nil || len(order) != 3 {
		t.Errorf("closed twice: %v, %v", order, err)
	}
}
