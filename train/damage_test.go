package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run whose newest checkpoint is damaged logs that, goes on from the one before and ends
// with the weights of one that was never disturbed. The data may lie elsewhere by then.
func TestResumePassesOverDamage(t *testing.T) {
	dataDir := prepared(t)
	whole, damaged := smallRun(dataDir, t.TempDir()), smallRun(dataDir, t.TempDir())
	if _, err := Train(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	damaged.OnEvent = func(e Event) {
		if e.Step >= 20 {
			cancel()
		}
	}
	if _, err := Train(ctx, damaged); err != nil {
		t.Fatal(err)
	}
	newest := filepath.Join(damaged.OutDir, "step-00000020")
	if err := os.Truncate(filepath.Join(newest, "optimizer.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dataDir)); err != nil {
		t.Fatal(err)
	}
	damaged.Resume, damaged.OnEvent, damaged.DataDir = true, nil, moved
	if _, err := Train(context.Background(), damaged); err != nil {
		t.Fatal(err)
	}
	checkSameWeights(t, weights(t, damaged.OutDir), weights(t, whole.OutDir))
	warnings := events(t, damaged.OutDir, "warning")
	if len(warnings) != 1 || warnings[0].Step != 14 || !strings.Contains(warnings[0].Note, "optimizer.safetensors") {
		t.Errorf("warnings %+v", warnings)
	}
	if _, err := os.Stat(filepath.Join(damaged.OutDir, "damaged-step-00000020")); err != nil {
		t.Errorf("the damaged checkpoint is gone: %v", err)
	}
}
