package data

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/data/dedup"
	"trit/data/filter"
	"trit/setting"
)

// writeNumbered writes texts as JSON lines with their number as a column.
func writeNumbered(t testing.TB, texts []string) string {
	t.Helper()
	var b strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&b, "{\"n\":%d,\"text\":%q}\n", i, text)
	}
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// numbered are n different texts.
func numbered(what string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("%s %d has its own %d words and %d more", what, i, i*i, 7*i))
	}
	return texts
}

// mixed are options of two sets, of which the second has duplicates.
func mixed(t testing.TB) PrepareOptions {
	code := numbered("code", 300)
	return PrepareOptions{
		Sets: []Set{
			{Name: "web", Files: []string{writeNumbered(t, numbered("web", 3000)), writeParquet(t, numbered("page", 50)...)}, Weight: 3},
			{Name: "code", Files: []string{writeNumbered(t, append(code, code[:100]...))}, Weight: 1},
		},
		Column: "text", Tokenizer: letters{}, Holdout: 0.1, Seed: 1, ShardTokens: 4000, Passes: 2, Duplicates: dedup.Exact,
		Memory: 1 << 20, Out: filepath.Join(t.TempDir(), "set"),
	}
}

func TestMixHasTheSharesOfItsWeights(t *testing.T) {
	o := mixed(t)
	m, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	web, code := m.Sets[0], m.Sets[1]
	if share := float64(web.Tokens) / float64(web.Tokens+code.Tokens); math.Abs(share-0.75) > 0.005 {
		t.Errorf("the share of web is %.4f, want 0.75", share)
	}
	if !code.UsedUp || code.Passes != 2 || code.LeftOut[string(dedup.SameText)].Documents != 200 || web.Passes != 1 {
		t.Errorf("code was read %d times, left out %v; web %d times", code.Passes, code.LeftOut, web.Passes)
	}
	if m.Train.Tokens+m.Heldout.Tokens != web.Tokens+code.Tokens {
		t.Error("the splits have other tokens than the sets")
	}
	for _, s := range m.Sets {
		left := int64(0)
		for _, l := range s.LeftOut {
			left += l.Documents
		}
		if s.Read.Documents != s.Written.Documents+left {
			t.Errorf("%s: %d read, %d written, %d left out", s.Name, s.Read.Documents, s.Written.Documents, left)
		}
	}
}

// Held-out texts of a set that is read twice are neither trained on nor in their split twice.
func TestRepeatedPassesKeepTheSplits(t *testing.T) {
	o := mixed(t)
	if _, err := Prepare(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	heldout := map[string]int{}
	for _, split := range []string{Heldout, Train} {
		for d, err := range Documents(o.Out, split) {
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(d.IDs)
			if split == Train && heldout[text] > 0 {
				t.Fatal("a held-out text is trained on")
			}
			if split == Heldout {
				if heldout[text]++; heldout[text] > 1 {
					t.Fatal("a text was held out twice")
				}
			}
		}
	}
}

// copyDir copies the files of a folder, as a process that is killed leaves them.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// What a process leaves that ends at any time is gone on with to the same files, bit for bit.
func TestPreparingGoesOnAfterAKill(t *testing.T) {
	o := mixed(t)
	var left []string
	o.Progress = func(rows, _ int64) {
		if rows%500 == 0 {
			left = append(left, filepath.Join(t.TempDir(), "left"))
			copyDir(t, workFolder(o.Out), left[len(left)-1])
		}
	}
	want, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) < 3 {
		t.Fatalf("only %d states to go on from", len(left))
	}
	for _, l := range left {
		again, notice := o, ""
		again.Out, again.Progress = filepath.Join(t.TempDir(), "again"), nil
		again.Notice = func(line string) { notice = line }
		copyDir(t, l, workFolder(again.Out))
		half := filepath.Join(workFolder(again.Out), ".train-00001.tokens.tmp-123")
		if err := os.WriteFile(half, []byte("half of a shard"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Prepare(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		if got.Fingerprint() != want.Fingerprint() || !strings.HasPrefix(notice, "going on after") {
			t.Errorf("other shards after going on: %q", notice)
		}
		a, _ := os.ReadFile(filepath.Join(o.Out, ManifestName))
		b, _ := os.ReadFile(filepath.Join(again.Out, ManifestName))
		if string(a) != string(b) {
			t.Errorf("another manifest:\n%s\n%s", a, b)
		}
		if entries, _ := os.ReadDir(again.Out); slices.ContainsFunc(entries, func(e os.DirEntry) bool {
			return e.Name() == seenName || e.Name() == journalName || strings.HasPrefix(e.Name(), partialPrefix) || strings.HasPrefix(e.Name(), ".")
		}) {
			t.Error("files of the preparation are left")
		}
	}
}

func TestPreparingRefusesAnotherJournal(t *testing.T) {
	o := mixed(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(int64, int64) { cancel() }
	if _, err := Prepare(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not stopped: %v", err)
	}
	o.Progress = nil
	other := o
	other.Seed = 2
	_, err := Prepare(t.Context(), other)
	wantError(t, err, "begun with other options")
	shards, _ := filepath.Glob(filepath.Join(workFolder(o.Out), "train-*"))
	if err := os.WriteFile(shards[0], []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Prepare(t.Context(), o)
	wantError(t, err, "SHA-256")
}

func TestFiltersAndTokens(t *testing.T) {
	o := mixed(t)
	o.Sets, o.Files, o.Duplicates = nil, []string{writeNumbered(t, numbered("web", 100))}, ""
	o.Passes, o.Holdout, o.Filters, o.Tokens = 1, 0, filter.Options{Keep: "n >= 10 && chars > 5"}, 1000
	m, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Train.Tokens < 1000 || m.Train.Tokens > 1100 || m.Sets[0].LeftOut["expression"].Documents != 10 || m.Sets[0].UsedUp {
		t.Errorf("%d tokens, left out %v", m.Train.Tokens, m.Sets[0].LeftOut)
	}
	p, err := PlanPrepare(t.Context(), PrepareOptions{Files: o.Files, Column: "text", Tokenizer: letters{}, Out: filepath.Join(t.TempDir(), "x")})
	if err != nil || p.Sets[0].Documents != 100 || p.Tokens < 3000 {
		t.Errorf("the plan is %+v, %v", p, err)
	}
}

// A column of the expression that no row has is named, also by a preparation that went on in a set that lacks others.
func TestColumnsThatNoRowHas(t *testing.T) {
	o := mixed(t)
	first := filepath.Join(t.TempDir(), "first.jsonl")
	if err := os.WriteFile(first, []byte(`{"text":"the first has a score","n":0,"score":null}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Sets[0].Files = append([]string{first}, o.Sets[0].Files...)
	o.Filters.Keep = `n != 7 && bok != "x" && (score ?? 4) > 3`
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(rows, _ int64) {
		if rows > 2000 {
			cancel()
		}
	}
	if _, err := Prepare(ctx, o); !errors.Is(err, context.Canceled) || !Unfinished(o.Out) {
		t.Fatalf("it was not stopped: %v", err)
	}
	o.Progress = nil
	m, err := Prepare(t.Context(), o)
	if err != nil || !slices.Equal(m.NoColumns, []string{"bok"}) {
		t.Errorf("%+v, %v", m, err)
	}
	o.Out, o.Filters.Keep = filepath.Join(t.TempDir(), "set"), `bok == "x"`
	_, err = Prepare(t.Context(), o)
	wantError(t, err, "no row has the column bok of", "filter fewer")
}

// A separator is for the sets of plain text, beside others that have none, but not where no set has any.
func TestSeparatorOfOneSet(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain.txt")
	if err := os.WriteFile(plain, []byte("one fox#two owls#three cats"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := mixed(t)
	o.Sets = append(o.Sets, Set{Name: "plain", Files: []string{plain}, Weight: 1})
	o.Documents, o.Holdout, o.Passes = "#", 0, 1
	m, err := Prepare(t.Context(), o)
	if err != nil || m.Sets[2].Read.Documents != 3 || m.Sets[2].Divisions != "#" || m.Sets[0].Divisions != "" {
		t.Errorf("%+v, %v", m, err)
	}
	o.Sets, o.Out = o.Sets[:2], filepath.Join(t.TempDir(), "set")
	if _, err := Prepare(t.Context(), o); setting.As(err) == nil || setting.As(err).Field != "source.Options.Documents" {
		t.Errorf("a separator of nothing: %v", err)
	}
}

// A set of a mix that gives nothing would end it at once.
func TestMixOfASetThatIsLeftOut(t *testing.T) {
	o := mixed(t)
	o.Filters.Keep = `!(text startsWith "code")`
	_, err := Prepare(t.Context(), o)
	wantError(t, err, "none of the 400 texts of set code is taken (left out: 400 expression)", "leave the set out")
	for i := range o.Sets {
		o.Sets[i].Weight = 0
	}
	if m, err := Prepare(t.Context(), o); err != nil || m.Sets[1].Tokens != 0 {
		t.Errorf("without weights: %+v, %v", m, err)
	}
}

func TestSetsAreRejected(t *testing.T) {
	for _, change := range []func(*PrepareOptions){
		func(o *PrepareOptions) { o.Sets[1].Name = "web" },
		func(o *PrepareOptions) { o.Sets[1].Name = "" },
		func(o *PrepareOptions) { o.Sets[1].Weight = 0 },
		func(o *PrepareOptions) { o.Sets[1].Weight = math.NaN() },
		func(o *PrepareOptions) { o.Sets[1].Weight = -1 },
	} {
		o := mixed(t)
		change(&o)
		if _, err := Prepare(t.Context(), o); err == nil || setting.As(err) == nil || setting.As(err).Field != "data.PrepareOptions.Sets" {
			t.Errorf("sets %+v: %v", o.Sets, err)
		}
	}
}
