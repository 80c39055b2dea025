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

// The hash is the example of FIPS 180-2, of one block.
func TestSHA256(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "abc")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := SHA256(path)
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; sum != want || err != nil {
		t.Errorf("got %q, %v: want %q", sum, err, want)
	}
	for _, path := range []string{dir, path + "x"} {
		if sum, err := SHA256(path); sum != "" || err == nil {
			t.Errorf("%s: got %q, %v: want an error", path, sum, err)
		}
	}
}
