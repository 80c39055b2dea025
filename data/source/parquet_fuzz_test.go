package source

import (
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"testing"
)

// maxFuzzMemory is more than a page may have, twice: packed and unpacked.
const maxFuzzMemory = 1 << 30

// FuzzParquet changes bytes of whole files. Its inputs are numbers, which are never minimized: that
// would take a minute each time that a change leads somewhere new.
func FuzzParquet(f *testing.F) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		f.Setenv("TMPDIR", "/dev/shm")
	}
	paths, _ := filepath.Glob("testdata/parquet/*.parquet")
	paths = append(paths, writeParquet(f, sentences(4)...), writeQuestions(f, 3))
	var files [][]byte
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, b)
		for at := range 8 {
			f.Add(uint(i), uint64(len(b)*at/8)<<8|0xff, uint64(0), uint64(0))
		}
	}
	f.Fuzz(func(t *testing.T, which uint, a, b, c uint64) {
		raw := slices.Clone(files[which%uint(len(files))])
		for _, change := range []uint64{a, b, c} {
			raw[change>>8%uint64(len(raw))] ^= byte(change)
		}
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		before := allocatedBytes()
		for _, err := range ReadRows(t.Context(), path) {
			if err != nil {
				break
			}
		}
		readAll(t.Context(), []string{path}, "text")
		if n := allocatedBytes() - before; n > maxFuzzMemory {
			t.Errorf("%d MB of memory", n>>20)
		}
	})
}

func allocatedBytes() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
