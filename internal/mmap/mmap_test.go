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
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened as a file")
	}
}
