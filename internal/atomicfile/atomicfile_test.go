package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	want := errors.New("disk is full")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "half of the n")
		return want
	})
	if !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the file holds %q", b)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left in the folder, want 1", len(files))
	}
}

// makeDir makes a folder with one file of this text.
func makeDir(t *testing.T, path, text string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "f"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkOnly fails unless dir holds nothing but the folder best with this text.
func checkOnly(t *testing.T, dir, text string) {
	t.Helper()
	if b, err := os.ReadFile(filepath.Join(dir, "best", "f")); err != nil || string(b) != text {
		t.Errorf("the folder holds %q, %v: want %q", b, err, text)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d entries are left: %v", len(left), left)
	}
}

func TestReplaceDir(t *testing.T) {
	for name, replace := range map[string]func(tmp, path string) error{"exchanged": ReplaceDir, "in two steps": replaceInTwo} {
		dir := t.TempDir()
		tmp, path := filepath.Join(dir, "tmp"), filepath.Join(dir, "best")
		makeDir(t, tmp, "first")
		if err := ReplaceDir(tmp, path); err != nil {
			t.Fatal(err)
		}
		checkOnly(t, dir, "first")
		makeDir(t, tmp, "second")
		if err := replace(tmp, path); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkOnly(t, dir, "second")
	}
}

func TestReplaceDirKeepsAFile(t *testing.T) {
	dir := t.TempDir()
	makeDir(t, filepath.Join(dir, "tmp"), "new")
	path := filepath.Join(dir, "best")
	os.WriteFile(path, []byte("a file of the user's"), 0o644)
	if err := ReplaceDir(filepath.Join(dir, "tmp"), path); err == nil {
		t.Error("a file was replaced by a folder")
	}
}

// A process that dies between the two renames leaves the old folder under another
// name, or the new one with the old still there.
func TestRecoverDir(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "best")
	makeDir(t, oldName(path), "old")
	if err := RecoverDir(path); err != nil {
		t.Fatal(err)
	}
	checkOnly(t, dir, "old")
	makeDir(t, oldName(path), "older")
	if err := RecoverDir(path); err != nil {
		t.Fatal(err)
	}
	checkOnly(t, dir, "old")
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteBytes(path, []byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 8); err != nil || string(b) != "12345678" {
		t.Errorf("got %q, %v", b, err)
	}
	for path, want := range map[string]string{path: "more than 7 bytes", filepath.Dir(path): "want a file", os.DevNull: "want a file"} {
		if _, err := Read(path, 7); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, err := Read(path+"x", 7); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
