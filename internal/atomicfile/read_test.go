package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFirstEntry(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing")} {
		if name, err := FirstEntry(path); name != "" || err != nil {
			t.Errorf("%s: got %q, %v", path, name, err)
		}
	}
	file := filepath.Join(dir, "a")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := FirstEntry(dir); name != "a" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := FirstEntry(file); err == nil {
		t.Error("a file has entries")
	}
}
