package data

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stopped prepares a data set until it has made some shards, and returns the options and the folder that is left.
func stopped(t testing.TB) (PrepareOptions, string) {
	o := mixed(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(rows, _ int64) {
		if rows > 2000 {
			cancel()
		}
	}
	if _, err := Prepare(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not stopped: %v", err)
	}
	o.Progress = nil
	return o, workFolder(o.Out)
}

// What a shard costs beside itself does not depend on how many there are: the journal has one size, and each other
// file has what is new alone.
func TestJournalDoesNotGrow(t *testing.T) {
	o, least, most, lines := mixed(t), int64(1<<40), int64(0), 0
	o.Progress = func(rows, _ int64) {
		info, err := os.Stat(filepath.Join(workFolder(o.Out), journalName))
		if err != nil {
			return
		}
		least, most = min(least, info.Size()), max(most, info.Size())
		made, _ := os.ReadFile(filepath.Join(workFolder(o.Out), shardsName))
		lines = bytes.Count(made, []byte("\n"))
	}
	if _, err := Prepare(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if lines < 20 || most > least+200 {
		t.Errorf("of %d shards the journal has %d to %d bytes", lines, least, most)
	}
}

func TestDamagedStatesAreRefused(t *testing.T) {
	o, left := stopped(t)
	partial, _ := filepath.Glob(filepath.Join(left, partialPrefix+Heldout+"-*"))
	if len(partial) != 1 {
		t.Fatalf("partial shards: %v", partial)
	}
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	}
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for name, c := range map[string]struct {
		file   string
		damage func([]byte) []byte
		want   string
	}{
		"half a journal":            {journalName, cut, "JSON"},
		"no manifest":               {journalName, func([]byte) []byte { return []byte(`{"manifest":null}`) }, "manifest"},
		"another manifest":          {journalName, replace(`"version":1`, `"version":7`), "manifest"},
		"a set that is null":        {journalName, replace(`"sets":[`, `"sets":[null,`), "sets: one is null"},
		"no places":                 {journalName, replace(`"places":[`, `"places":[],"x":[`), "JSON"},
		"a place that is null":      {journalName, replace(`"places":[{`, `"places":[null,{`), "places"},
		"a place before the file":   {journalName, replace(`"row":`, `"row":-`), "places"},
		"seen below 0":              {journalName, replace(`"seen":`, `"seen":-`), "sizes"},
		"seen is cut":               {seenName, cut, "the journal states"},
		"seen is damaged":           {seenName, func(b []byte) []byte { b[0] = 99; return b }, "damaged at byte 0"},
		"the list of shards":        {shardsName, replace("heldout", "holdout"), "file"},
		"a field of a shard":        {shardsName, replace("sha256", "sha255"), "JSON"},
		"the list is cut":           {shardsName, cut, "the journal states"},
		"a partial shard":           {filepath.Base(partial[0]), func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "checksum"},
		"the size of a partial":     {filepath.Base(partial[0]), func(b []byte) []byte { b[6] = 9; return b }, "does not fit"},
		"a partial shard that ends": {filepath.Base(partial[0]), cut, "the journal states"},
	} {
		t.Run(name, func(t *testing.T) {
			again := o
			again.Out = filepath.Join(t.TempDir(), "set")
			work := workFolder(again.Out)
			copyDir(t, left, work)
			path := filepath.Join(work, c.file)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(raw), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = Prepare(t.Context(), again)
			wantError(t, err, c.want, "remove its folder to begin anew")
			if strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%q is more than a line", err)
			}
			if _, err := os.Stat(path); err != nil {
				t.Error("the state was removed")
			}
		})
	}
}

func FuzzJournal(f *testing.F) {
	_, left := stopped(f)
	raw, err := os.ReadFile(filepath.Join(left, journalName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(bytes.Replace(raw, []byte(`"file":0`), []byte(`"file":-1`), 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		j, err := parseJournal("x", raw)
		if err != nil {
			wantError(t, err, "x: ", "to begin anew")
			return
		}
		m := &Manifest{}
		p := &preparation{m: m}
		for range j.Places {
			p.mix.sets = append(p.mix.sets, &set{place: &place{}, info: &SetInfo{}, first: &kept{}})
		}
		p.take(j)
		for _, s := range p.mix.sets {
			if s.At.File < 0 || s.At.Row < 0 || s.first.has(s.Checked) {
				t.Errorf("it was accepted: %s", raw)
			}
		}
		p.mix.next()
	})
}
