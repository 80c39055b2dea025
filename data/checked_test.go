package data

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// openAndRead returns the first error of reading all of the held-out split.
func openAndRead(dir string) error {
	l, err := OpenLoader(dir, LoaderOptions{Split: Heldout, BatchSize: 1, SequenceLength: 16})
	if err != nil {
		return err
	}
	defer l.Close()
	var b Batch
	for err == nil {
		err = l.Next(&b)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// change changes a file in place; it keeps its time if secret is set.
func change(t *testing.T, path string, secret bool, how func(raw []byte)) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	how(raw)
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	at := info.ModTime()
	if !secret {
		at = at.Add(time.Second)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestShardsAreCheckedOnce(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{Holdout: 0.3, Seed: 1}, sentences(60)...)
	shard, record := filepath.Join(dir, m.Heldout.Shards[0].File), filepath.Join(dir, checkedName)
	flip := func(raw []byte) { raw[len(raw)-shardTrailer-2] ^= 1 } // the last token
	good := func(what string) {
		t.Helper()
		if err := openAndRead(dir); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	good("at first")
	change(t, shard, true, flip)
	good("damage that shows nowhere") // as promised: the shard is not read whole
	_, err := Check(t.Context(), dir, nil)
	wantError(t, err, shard, "SHA-256", ManifestName)
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	wantError(t, openAndRead(dir), shard, "checksum")
	change(t, shard, true, flip)
	good("mended")
	change(t, shard, false, flip)
	wantError(t, openAndRead(dir), shard, "checksum")
	change(t, shard, false, flip)
	good("mended again")
	change(t, shard, true, func(raw []byte) { binary.LittleEndian.PutUint16(raw[len(raw)-shardTrailer-2:], 60000) })
	wantError(t, openAndRead(dir), dir, "a token is 60000")
}

// Without a file of what was checked, all is: also where it is damaged, or cannot be written.
func TestCheckedCannotBeRead(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{Holdout: 0.3, Seed: 1}, sentences(60)...)
	shard, record := filepath.Join(dir, m.Heldout.Shards[0].File), filepath.Join(dir, checkedName)
	flip := func(raw []byte) { raw[len(raw)-shardTrailer-2] ^= 1 }
	for _, text := range []string{"", "{", "null", "[]", `{"a": 1}`} {
		if err := errors.Join(os.WriteFile(record, []byte(text), 0o644), openAndRead(dir)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if err := os.WriteFile(record, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		change(t, shard, true, flip)
		wantError(t, openAndRead(dir), shard, "checksum")
		change(t, shard, true, flip)
	}
	if err := errors.Join(os.Remove(record), os.MkdirAll(filepath.Join(record, "x"), 0o755), openAndRead(dir)); err != nil {
		t.Errorf("where it cannot be written: %v", err)
	}
	change(t, shard, true, flip)
	wantError(t, openAndRead(dir), shard, "checksum")
}

func TestCheckReadsAll(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{Holdout: 0.3, Seed: 1, ShardTokens: 100}, sentences(60)...)
	var done, total int64
	if _, err := Check(t.Context(), dir, func(d, n int64) { done, total = d, n }); err != nil || done != total || total == 0 {
		t.Errorf("%d of %d bytes, error %v", done, total, err)
	}
	for _, s := range m.shards() {
		path := filepath.Join(dir, s.File)
		change(t, path, true, func(raw []byte) { raw[len(raw)/2] ^= 1 })
		_, err := Check(t.Context(), dir, nil)
		wantError(t, err, path, "SHA-256")
		change(t, path, true, func(raw []byte) { raw[len(raw)/2] ^= 1 })
	}
	path := filepath.Join(dir, tokenizerName)
	raw, _ := os.ReadFile(path)
	os.WriteFile(path, append(raw, '\n'), 0o644)
	_, err := Check(t.Context(), dir, nil)
	wantError(t, err, path, "SHA-256")
	os.Remove(path)
	_, err = Check(t.Context(), dir, nil)
	wantError(t, err, path, "there is none")
	os.WriteFile(path, raw, 0o644)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Check(ctx, dir, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
