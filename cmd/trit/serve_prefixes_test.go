package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// answerOf asks for a greedy completion, and returns its text and how many tokens were not computed.
func answerOf(t *testing.T, url, prompt string) (text string, cached int) {
	t.Helper()
	var got completion
	post(t, url+"/v1/completions", greedy(prompt, 8, ""), &got)
	return got.Choices[0].Text, got.Usage.Details.CachedTokens
}

// save asks a server to save its prefixes.
func save(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest("POST", url+"/prefixes/save", nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// TestPrefixesOutliveTheServer saves prefixes at the end of a server and on demand, and kills it.
func TestPrefixesOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model, file := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "prefixes")
	mustTrit(t, "convert", trained, model)
	args := []string{model, "--context", "200", "--prefix-file", file}
	const saved, lost = "Anna and the cat walked on. ", "The dog was glad. "

	p, url := startServer(t, args...)
	want, _ := answerOf(t, url, saved)
	p.end(t)

	p, url = startServer(t, args...) // reads what the first one wrote at its end
	if got, cached := answerOf(t, url, saved); got != want || cached == 0 {
		t.Errorf("after an end: %q, %d tokens of before, want %q", got, cached, want)
	}
	more, _ := answerOf(t, url, saved+saved)
	if status, body := save(t, url, ""); status != http.StatusOK || body != `{"saved":["m"]}`+"\n" {
		t.Errorf("saving: %d %s", status, body)
	}
	answerOf(t, url, lost)
	p.kill()

	p, url = startServer(t, args...)
	if got, cached := answerOf(t, url, saved+saved); got != more || cached < 10 {
		t.Errorf("after a kill: %q, %d tokens of before, want %q", got, cached, more)
	}
	if _, cached := answerOf(t, url, lost); cached > 1 { // the first one is that of all texts
		t.Errorf("%d tokens were never saved", cached)
	}
	p.kill()
}

// TestPrefixesOfOthersAreNotTaken begins servers with a file that is not theirs, or damaged: they go on without.
func TestPrefixesOfOthersAreNotTaken(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model, file := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "prefixes")
	mustTrit(t, "convert", trained, model)
	const prompt = "Anna and the cat walked on. "
	serve := func(says string, args ...string) {
		t.Helper()
		p, url := startServer(t, args...)
		_, cached := answerOf(t, url, prompt)
		p.end(t) // then all of its log is here
		if cached > 1 || !strings.Contains(p.log.String(), says) {
			t.Errorf("%v: %d tokens of before, the log is %s, want %s", args, cached, p.log.String(), says)
		}
	}
	serve("", model, "--context", "200", "--prefix-file", file)
	serve("the cache is f16, not f32", model, "--context", "200", "--prefix-file", file, "--cache", "f32")
	serve("the context is 200, not 150", model, "--context", "150", "--prefix-file", file, "--cache", "f32")
	if err := os.Truncate(file, 3000); err != nil {
		t.Fatal(err)
	}
	serve("no prefix is taken from the file", model, "--context", "150", "--prefix-file", file, "--cache", "f32")
	other := filepath.Join(dir, "other", "m.gguf")
	if err := os.Mkdir(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	mustTrit(t, "convert", trained, other, "--embedding-type", "f32")
	serve("the model is m (sha256 ", other, "--context", "150", "--prefix-file", file, "--cache", "f32")
}

// TestWhoMaySavePrefixes asks with keys, and without.
func TestWhoMaySavePrefixes(t *testing.T) {
	dir := t.TempDir()
	model, _ := smallRun(t, dir)
	keys, folder := filepath.Join(dir, "keys.json"), filepath.Join(dir, "prefixes")
	add := func(args ...string) string {
		code, key, stderr := trit(append([]string{"serve", "key", "add", "--keys", keys}, args...)...)
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		return strings.TrimSpace(key)
	}
	anna, admin := add("anna"), add("olga", "--admin")
	url := serveModel(t, model, otherModel, "--keys", keys, "--prefix-file", folder)
	for key, want := range map[string]int{"": http.StatusUnauthorized, anna: http.StatusForbidden, admin: http.StatusOK} {
		if status, body := save(t, url, key); status != want {
			t.Errorf("key %q: %d %s, want %d", key, status, body, want)
		}
	}
	open := serveModel(t, model, "--open", "--prefix-file", folder)
	if status, body := save(t, open, ""); status != http.StatusForbidden {
		t.Errorf("a server for everybody: %d %s", status, body)
	}
	none := serveModel(t, model)
	if status, _ := save(t, none, ""); status != http.StatusNotFound {
		t.Errorf("a server without a file: %d", status)
	}
}
