package testutil

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RunFolder makes the folder of a run, called name, whose log metrics.jsonl has these lines.
func RunFolder(t testing.TB, name string, lines ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// OldLog is a log from before there were times, layers and utilisation.
var OldLog = []string{
	`{"event":"step","step":10,"tokens":1000,"loss":6.5,"lr":0.001,"weight_decay":0.1,"grad_norm":2,"tokens_per_second":500,"zeros":0.31}`,
	`{"event":"step","step":20,"tokens":2000,"loss":5.5,"lr":0.002,"weight_decay":0.1,"grad_norm":1,"tokens_per_second":250,"zeros":0.32,"flips":12}`,
	`{"event":"eval","step":20,"tokens":2000,"loss":5.6,"perplexity":270,"bits_per_byte":2.1}`,
	"",
}
