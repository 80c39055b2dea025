package mmap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	for _, content := range []string{"", "some bytes", strings.Repeat("pages", 1<<14)} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil || string(f.Data) != content {
			t.Fatalf("got %v, %v", f, err)
		}
		if err := f.Release(f.Data); err != nil || string(f.Data) != content {
			t.Fatalf("after Release: %q, %v", f.Data, err)
		}
		if err := f.Close(); err != nil || f.Close() != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	for _, path := range []string{t.TempDir(), os.DevNull} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "want a file") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
