package hffolder

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPoolingStaysInTheFolder(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	for _, d := range []string{dir, filepath.Join(outer, "pool")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(d, "config.json"), []byte(`{"pooling_mode_lasttoken":true}`))
	}
	for _, path := range []string{"../pool", filepath.Join(outer, "pool"), "x/../../pool"} {
		write(t, filepath.Join(dir, "modules.json"), fmt.Appendf(nil, `[{"path":%q,"type":"a.Pooling"}]`, path))
		if (&Folder{Dir: dir}).Pooling() != PoolingNone {
			t.Errorf("%s was read", path)
		}
	}
	write(t, filepath.Join(dir, "modules.json"), []byte(`[{"path":".","type":"a.Pooling"}]`))
	if kind := (&Folder{Dir: dir}).Pooling(); kind != PoolingLast {
		t.Errorf("the folder itself: %d", kind)
	}
}
