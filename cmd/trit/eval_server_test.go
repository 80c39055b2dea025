package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/infer"
	"trit/lm"
	"trit/repro"
)

// completions serves a GGUF model on the engine as an OpenAI-style server does, and notes
// the keys that it is sent.
type completions struct {
	t    *testing.T
	m    *repro.Model
	size int // of the vocabulary
	mu   sync.Mutex
	keys []string
}

func serveCompletions(t *testing.T, gguf string) (*completions, string) {
	t.Helper()
	m, err := repro.Open(gguf, infer.Options{Cache: infer.CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s := &completions{t: t, m: m, size: len(m.Tokenizer.Vocab().Tokens)}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL + "/v1"
}

func (s *completions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, r.Header.Get("Authorization"))
	var q struct {
		Prompt    [][]int32
		MaxTokens int `json:"max_tokens"`
		Echo      bool
		Stop      []string
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		s.t.Error(err)
	}
	var choices []any
	for i, p := range q.Prompt {
		c := map[string]any{"index": i}
		if q.Echo {
			c["logprobs"] = s.logProbs(r, p)
		} else {
			c["text"] = s.text(r, p, q.MaxTokens, q.Stop)
		}
		choices = append(choices, c)
	}
	json.NewEncoder(w).Encode(map[string]any{"choices": choices})
}

// logProbs asks for each token of a prompt by itself: whether it is the likeliest is seen
// by "top_logprobs", which names a likelier one where it is not.
func (s *completions) logProbs(r *http.Request, p []int32) map[string]any {
	logs, top := []any{nil}, []any{nil}
	for n := 1; n < len(p); n++ {
		got, err := s.m.Score(r.Context(), []lm.ScoreRequest{{Input: p[:n], Targets: p[n : n+1]}})
		if err != nil {
			s.t.Error(err)
			return nil
		}
		best := got[0].LogProb
		if !got[0].Greedy {
			best /= 2 // a likelier one
		}
		logs, top = append(logs, got[0].LogProb), append(top, map[string]float64{"best": best})
	}
	return map[string]any{"token_logprobs": logs, "top_logprobs": top}
}

func (s *completions) text(r *http.Request, p []int32, n int, stop []string) string {
	ends := s.m.Tokenizer.EOSIDs()
	got, err := s.m.Continue(r.Context(), []lm.ContinueRequest{{Prompt: p, MaxTokens: n, Stop: func(ids []int32) bool {
		return len(ids) > 0 && slices.Contains(ends, ids[len(ids)-1])
	}}})
	if err != nil {
		s.t.Error(err)
		return ""
	}
	text := s.m.Tokenizer.Decode(got[0])
	for _, u := range stop {
		text, _, _ = strings.Cut(text, u)
	}
	return text
}

// A model behind a server has the results that it has as a file: choices, perplexity and
// generated answers.
func TestEvalOfAServer(t *testing.T) {
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	gguf := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, gguf)
	for name, text := range map[string]string{
		"q.jsonl":   `{"q":"The fox","c":["sleeps","is not a cat"],"g":0}` + "\n" + `{"q":"A cat","c":["eats","runs"],"g":1}` + "\n" + `{"q":"Is it","c":["so","not so"],"g":1}` + "\n",
		"pick.json": `{"name":"pick","data":"q.jsonl","context":"{q}","choices":"c","gold":"g"}`,
		"text.json": `{"name":"text","data":"q.jsonl","text":"{q} and the cat sleep."}`,
		"say.json":  `{"name":"say","data":"q.jsonl","context":"{q}","target":"x","until":["e"],"max_gen_toks":8}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, url := serveCompletions(t, gguf)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tasks := strings.Join([]string{filepath.Join(dir, "pick.json"), filepath.Join(dir, "text.json"), filepath.Join(dir, "say.json")}, ",")
	mustTrit(t, "eval", gguf, "--tasks", tasks, "--out", filepath.Join(dir, "file"))
	for from, flags := range map[string][]string{
		"Bearer from-file":        {"--tokenizer", gguf, "--api-key-file", key, "--prompts-per-request", "5"},
		"Bearer from-environment": {"--tokenizer", filepath.Join(dir, "tok"), "--concurrent", "1"},
	} {
		t.Setenv("OPENAI_API_KEY", "from-environment")
		flags = append(flags, "--model", "net", "--max-length", "256", "--tasks", tasks, "--out", filepath.Join(dir, "server"), "--use-cache", filepath.Join(dir, "cache"))
		s.keys = nil
		os.Remove(filepath.Join(dir, "cache"))
		os.RemoveAll(filepath.Join(dir, "server"))
		mustTrit(t, append([]string{"eval", url}, flags...)...)
		compareSamples(t, filepath.Join(dir, "file"), filepath.Join(dir, "server"))
		if !slices.Contains(s.keys, from) || len(slices.Compact(s.keys)) != 1 {
			t.Errorf("keys %q, want %q", s.keys, from)
		}
		s.keys = nil
		os.RemoveAll(filepath.Join(dir, "server"))
		if mustTrit(t, append([]string{"eval", url}, flags...)...); len(s.keys) > 0 {
			t.Errorf("the second time %d requests, want all from the cache", len(s.keys))
		}
	}
}

// compareSamples wants the same metrics and answers of each document.
func compareSamples(t *testing.T, a, b string) {
	t.Helper()
	c, err := eval.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Rows {
		if diff := d.A - d.B; diff > 1e-4*d.A || -diff > 1e-4*d.A || d.Documents != 3 && !strings.HasPrefix(d.Metric, "bits") {
			t.Errorf("%+v", d)
		}
	}
	if len(c.Rows) != 6 {
		t.Errorf("%d metrics, want 6: %+v", len(c.Rows), c.Rows)
	}
	var texts []string
	for _, dir := range []string{a, b} {
		var all []string
		for line := range strings.Lines(readFile(t, filepath.Join(dir, "samples_say.jsonl"))) {
			var s struct{ Resps [][]string }
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			all = append(all, s.Resps[0][0])
		}
		texts = append(texts, strings.Join(all, "|"))
	}
	if texts[0] != texts[1] || len(texts[0]) < 5 {
		t.Errorf("answers %q, want %q", texts[1], texts[0])
	}
}

func TestServerFlags(t *testing.T) {
	dir := t.TempDir()
	tok, err := byteTokenizer(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range tok {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600)
	os.WriteFile(filepath.Join(dir, "words"), []byte("two words"), 0o600)
	server := "eval http://localhost:1/v1 --tasks arc_easy "
	for _, c := range []struct {
		args string // with TOK for the folder of the tokenizer
		code int
		want string
	}{
		{"eval m.gguf --tasks arc_easy --model x", cmdline.ExitUsage, "--model is for a server"},
		{server + "--model x", cmdline.ExitUsage, "--tokenizer"},
		{server + "--tokenizer TOK", cmdline.ExitUsage, "--model"},
		{server + "--model x --tokenizer nowhere", cmdline.ExitFailed, "nowhere"},
		{server + "--model x --tokenizer nowhere.gguf", cmdline.ExitFailed, "nowhere.gguf"},
		{server + "--model x --tokenizer TOK --concurrent 0", cmdline.ExitUsage, "1 to 1024"},
		{server + "--model x --tokenizer TOK --max-length 3", cmdline.ExitFailed, "at least 2"},
		{server + "--model x --tokenizer TOK --api-key-file nowhere", cmdline.ExitFailed, "--api-key-file"},
		{server + "--model x --tokenizer TOK --api-key-file TOK/empty", cmdline.ExitFailed, "holds no key"},
		{server + "--model x --tokenizer TOK --api-key-file TOK/words", cmdline.ExitFailed, "holds spaces"},
		{"eval http://u:p@h/v1 --tasks arc_easy --model x --tokenizer TOK", cmdline.ExitUsage, "without user"},
	} {
		code, _, stderr := trit(strings.Fields(strings.ReplaceAll(c.args, "TOK", dir))...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d and %q, want %d and %q in one line", c.args, code, stderr, c.code, c.want)
		}
	}
}
