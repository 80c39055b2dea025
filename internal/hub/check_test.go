package hub

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoil writes a file of the right size with other contents, through links.
func spoil(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// noticed lets a client gather its notices.
func noticed(c *Client) *[]string {
	var lines []string
	c.Notice = func(line string) { lines = append(lines, line) }
	return &lines
}

func wantNotice(t *testing.T, lines []string, words ...string) {
	t.Helper()
	text := strings.Join(lines, "\n")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the notices are %q, want %q", text, w)
		}
	}
}

func TestVerifyReplacesWrongBlobs(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := must(t, c, Patterns{})
	spoil(t, filepath.Join(dir, "model.safetensors"))
	spoil(t, filepath.Join(dir, "a folder/again.json")) // the blob of another file too
	must(t, c, Patterns{})
	if b, _ := os.ReadFile(filepath.Join(dir, "model.safetensors")); bytes.Equal(b, f.files["model.safetensors"].data) {
		t.Fatal("the file was not spoilt")
	}
	before := f.bytes()
	lines := noticed(c)
	c.Verify = true
	var done, total int64
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, names(f.files)...)
	wantNotice(t, *lines, "model.safetensors is wrong: expected sha256 ", "again.json is wrong: expected git sha1 ",
		"x#1?50%.json is wrong", "checked 7 files, 10580 bytes: 3 wrong")
	if n := f.bytes() - before; n != 10*testRange+17 {
		t.Errorf("%d bytes of LFS files were fetched, want the wrong one alone", n)
	}
	if done != total || total != 10580+10*testRange+17+7 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if left := leftovers(c.Cache); left != nil {
		t.Errorf("left behind: %v", left)
	}
	again, requests := noticed(c), f.count("")
	must(t, c, Patterns{})
	if wantNotice(t, *again, ": 0 wrong"); f.count("")-requests != 1 {
		t.Errorf("%d requests when all was right", f.count("")-requests)
	}
}

func TestVerifyAsksForHashes(t *testing.T) {
	f := newFakeHub(t, everything())
	f.noHashes = true
	c := f.client()
	dir := must(t, c, Patterns{})
	spoil(t, filepath.Join(dir, "README.md"))
	lines := noticed(c)
	c.Verify = true
	must(t, c, Patterns{})
	f.check(dir, names(f.files)...)
	wantNotice(t, *lines, "README.md is wrong", "7 files", ": 1 wrong")
}

// A list that lies in the cache is not taken for the Hub's.
func TestVerifyOfACommitAsksTheHub(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	c.Verify = true
	repo := testRepo
	repo.Revision = testCommit
	for range 2 {
		if _, err := c.Snapshot(context.Background(), repo, Patterns{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.count("/revision/"); n != 2 {
		t.Errorf("the list was asked for %d times, want 2", n)
	}
}

func TestVerifyOffline(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := must(t, c, Patterns{})
	c.Verify, c.Offline = true, true
	lines := noticed(c)
	must(t, c, Patterns{})
	wantNotice(t, *lines, "7 files", ": 0 wrong")
	spoil(t, filepath.Join(dir, "README.md"))
	before := f.count("")
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "files of org/net@main that are wrong cannot be replaced (1 of 7)", "README.md",
		"{hub.Client.Offline}")
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil || f.count("") != before {
		t.Errorf("offline: %d requests, %v", f.count("")-before, err)
	}
}

// Without a list, names of blobs are the hashes; a plain file has none.
func TestVerifyOfflineWithoutAList(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := must(t, c, Patterns{})
	if err := os.RemoveAll(filepath.Join(c.Cache, "models--org--net", "trees")); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "config.json")
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Verify, c.Offline = true, true
	lines := noticed(c)
	must(t, c, Patterns{})
	wantNotice(t, *lines, "not checked: config.json", "6 files", ": 0 wrong")
}

func TestVerifyOfAFolder(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := filepath.Join(t.TempDir(), "out")
	fetch := func() error { return c.Folder(context.Background(), testRepo, Patterns{}, dir, nil) }
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(dir, "model.safetensors"))
	wantError(t, fetch(), "is there with other contents")
	c.Verify = true
	lines := noticed(c)
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	f.check(dir, names(f.files)...)
	wantNotice(t, *lines, "model.safetensors is wrong", "7 files", ": 1 wrong")
	if b, _ := os.ReadFile(mine); string(b) != "mine" {
		t.Errorf("the user's own file holds %q", b)
	}
	if left := leftovers(dir); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// A folder is filled from the cache; a blob of the cache that is wrong is fetched instead.
func TestFolderFromAWrongBlob(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	spoil(t, filepath.Join(must(t, c, Patterns{}), "model.safetensors"))
	dir := filepath.Join(t.TempDir(), "out")
	if err := c.Folder(context.Background(), testRepo, Patterns{}, dir, nil); err != nil {
		t.Fatal(err)
	}
	f.check(dir, names(f.files)...)
}

// A file that cannot be fetched again stays as it was.
func TestVerifyKeepsWhatItCannotReplace(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	c.Tries = 1
	dir := must(t, c, Patterns{})
	spoil(t, filepath.Join(dir, "model.safetensors"))
	f.files["model.safetensors"] = fakeFile{data: f.files["model.safetensors"].data[:9*testRange], lfs: true}
	c.Verify = true
	f.api = "no list"
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "is not what the Hub's API answers")
	if b, err := os.ReadFile(filepath.Join(dir, "model.safetensors")); len(b) != 10*testRange+17 {
		t.Errorf("%d bytes are left, %v", len(b), err)
	}
}
