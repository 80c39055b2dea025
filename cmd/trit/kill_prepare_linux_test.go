package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"trit/cmd/trit/cmdline"
	"trit/data/source"
	"trit/data/world"
)

var (
	preparedBytes = flag.Float64("prepared-bytes", 6e6, "for TestKilledPreparation: make up `N` bytes of text")
	prepareKills  = flag.Int("prepare-kills", 2, "for TestKilledPreparation: kill it `N` times")
)

// maxPreparing is the memory that preparing may take of texts of any size.
const maxPreparing = 2 << 30

// TestKilledPreparation kills a preparation of three sets (SIGKILL) wherever it happens to be behind some of its shards,
// again and again: the last one makes what an unbroken one makes, and none takes more than maxPreparing.
func TestKilledPreparation(t *testing.T) {
	dir := t.TempDir()
	smallData(t, dir)
	sets := madeUp(t, dir, int(*preparedBytes))
	prepare := func(name string) *program {
		args := []string{"data", "prepare", "--tokenizer", filepath.Join(dir, "tok"), "--mix", "web=6,code=3,stories=1", "--epochs", "2",
			"--duplicates", "near", "--duplicates-memory", "128MiB", "--where", "chars > 200", "--shard-tokens", fmt.Sprint(int(*preparedBytes / 150)), "--out", filepath.Join(dir, name)}
		return startProgram(t, io.Discard, append(args, sets...)...)
	}
	took := func(p *program) {
		if most := p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; most > maxPreparing {
			t.Errorf("it takes %d bytes of memory", most)
		} else {
			t.Logf("%v in %v with %d MB", p.ProcessState, p.ProcessState.UserTime()+p.ProcessState.SystemTime(), most/1e6)
		}
	}
	finished := func(p *program) {
		t.Helper()
		if p.Wait(); p.ProcessState.ExitCode() != cmdline.ExitOK {
			t.Fatalf("%v: %s", p.ProcessState, p.log.String())
		}
		took(p)
	}
	finished(prepare("unbroken"))
	want := sumsBelow(t, filepath.Join(dir, "unbroken"))
	r := rand.New(rand.NewPCG(1, 2))
	for kill := range *prepareKills {
		p := prepare("killed")
		for shards := (kill + 1) * len(want) / (*prepareKills + 2); shardsMade(filepath.Join(dir, ".killed.preparing")) < shards; {
			if err := p.Process.Signal(syscall.Signal(0)); err != nil {
				t.Fatalf("it ended by itself: %v, %s", err, p.log.String())
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond)
		p.kill()
		took(p)
	}
	last := prepare("killed")
	finished(last)
	if !strings.Contains(last.log.String(), "going on after") {
		t.Errorf("it began anew: %s", last.log.String())
	}
	got := sumsBelow(t, filepath.Join(dir, "killed"))
	if len(got) != len(want) || len(want) < 40 {
		t.Errorf("%d files, %d unbroken", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is another than that of the unbroken one", name)
		}
	}
}

// shardsMade counts the shards that a preparation has in its journal.
func shardsMade(work string) int {
	made, _ := os.ReadFile(filepath.Join(work, "shards.jsonl"))
	return bytes.Count(made, []byte("\n"))
}

// madeUp writes three sets of about n bytes of random words together, in three forms, and returns the flags that name
// them. Every tenth text is one of before.
func madeUp(t *testing.T, dir string, n int) (flags []string) {
	t.Helper()
	var words []string
	for text, err := range source.ReadColumn(t.Context(), []string{filepath.Join(dir, world.TextFile)}, source.DefaultColumn) {
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, strings.Fields(text)...)
	}
	texts := func(seed uint64, bytes int, add func(text string) error) {
		for i := 0; bytes > 0; i++ {
			id := uint64(i)
			if i%10 == 9 {
				id = id * 7919 % uint64(i)
			}
			r := rand.New(rand.NewPCG(seed, id))
			var b strings.Builder
			for range 20 + r.IntN(400) {
				b.WriteString(words[r.IntN(len(words))] + " ")
			}
			bytes -= b.Len()
			if err := add(b.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	type row struct {
		Text string `parquet:"text"`
	}
	write := func(set, name string, fill func(w io.Writer) error) {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := bufio.NewWriter(f)
		if err := fill(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "--data", set+"="+path)
	}
	write("web", "web.parquet", func(w io.Writer) error {
		p := parquet.NewGenericWriter[row](w, parquet.MaxRowsPerRowGroup(2000))
		texts(1, n/2, func(text string) error {
			_, err := p.Write([]row{{text}})
			return err
		})
		return p.Close()
	})
	write("code", "code.jsonl.zst", func(w io.Writer) error {
		z, err := zstd.NewWriter(w)
		if err != nil {
			return err
		}
		lines := json.NewEncoder(z)
		texts(2, n/3, func(text string) error { return lines.Encode(map[string]string{"text": text}) })
		return z.Close()
	})
	write("stories", "stories.txt", func(w io.Writer) error {
		texts(3, n/6, func(text string) error {
			_, err := fmt.Fprintf(w, "%s\n\n", text)
			return err
		})
		return nil
	})
	return flags
}

// sumsBelow are the SHA-256 sums of the files in a folder.
func sumsBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		sums[path] = fmt.Sprintf("%x", h.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
