package distill

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"trit/data"
)

// A disk that is full while a teacher is asked leaves nothing half-written. A limit of the size of
// files stands for it.
func TestCacheOnAFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := Header{Dataset: "data", SequenceLength: length, K: 4, Rows: 2000}
	next := func(b *data.Batch) error {
		*b = *batch(1, 2, 3)
		return nil
	}
	asked := 0
	small := syscall.Rlimit{Cur: 100 << 10, Max: usual.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err := WriteCache(filepath.Join(dir, "teacher.topk"), &fixed{}, h, next, nil, func(done, _ int) { asked = done })
	if undo := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &usual); undo != nil {
		t.Fatal(undo)
	}
	if !errors.Is(err, syscall.EFBIG) || asked == 0 || asked == h.Rows {
		t.Errorf("after %d of %d rows: %v, want an error of the size of a file", asked, h.Rows, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
