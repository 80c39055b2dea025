package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"trit/cmd/trit/cmdline"
)

// standIn is a judge behind a server. It rates by the length of what it is told, and now and then it
// gives no rating.
type standIn struct {
	t     *testing.T
	mu    sync.Mutex
	asked int
	keys  map[string]int
}

func serveJudge(t *testing.T) (*standIn, string) {
	t.Helper()
	s := &standIn{t: t, keys: map[string]int{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL + "/v1"
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.keys[r.Header.Get("Authorization")]++
	var q struct {
		Model    string
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/chat/completions" || q.Model != "wise" || len(q.Messages) != 2 {
		s.t.Errorf("%s: %v, %+v", r.URL, err, q)
	}
	n := len(q.Messages[1].Content)
	text := fmt.Sprintf("It is an answer. Grade: [[%d]]", 1+n%10)
	if strings.Contains(q.Messages[1].Content, "number 2 ") {
		text = "I would rather not."
	}
	json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]string{"role": "assistant", "content": text}}}})
}

// talkingModel is a small trained model with a chat template.
func talkingModel(t *testing.T, dir string) (gguf string) {
	t.Helper()
	run, _ := smallRun(t, dir)
	templates, err := filepath.Glob(filepath.Join(run, "*", "tokenizer_config.json"))
	if err != nil || len(templates) == 0 {
		t.Fatalf("no tokenizer in %s: %v", run, err)
	}
	const template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
	for _, path := range templates {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "chat_template.jinja"), []byte(template), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gguf = filepath.Join(dir, "chat.gguf")
	mustTrit(t, "convert", run, gguf)
	return gguf
}

func TestEvalMTBench(t *testing.T) {
	dir := t.TempDir()
	gguf := talkingModel(t, dir)
	s, judge := serveJudge(t)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("for-the-judge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "mt_bench_question.jsonl")
	if err := os.WriteFile(data, []byte(sampleLines(t, 8, talkRow)), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	args := []string{"eval", "mt_bench", gguf, "--judge", judge, "--judge-model", "wise", "--judge-key-file", key, "--data-dir", dir, "--allow-partial", "--limit", "4", "--max-gen-toks", "8", "--out", out}
	code, shown, stderr := trit(args...)
	if code != cmdline.ExitOK || s.asked != 8 || s.keys["Bearer for-the-judge"] != 8 {
		t.Fatalf("exit code %d, %d judgments, keys %v: %s%s", code, s.asked, s.keys, shown, stderr)
	}
	for _, part := range []string{"category", "writing", "judge: wise; judge prompt: trit's own; the likeliest answers", "2 of 8 judgments have no rating from 1 to 10", "of coding have no reference"} {
		if !strings.Contains(shown, part) {
			t.Errorf("no %q in %s", part, shown)
		}
	}
	if code, _, stderr := trit(args...); code != cmdline.ExitFailed || !strings.Contains(stderr, "holds results") {
		t.Errorf("results are replaced: exit code %d, %s", code, stderr)
	}
	if err := os.Remove(filepath.Join(out, "results.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(out, "samples_mt_bench.jsonl")); err != nil {
		t.Fatal(err)
	}
	code, again, stderr := trit(args...)
	if code != cmdline.ExitOK || again != shown || s.asked != 8 {
		t.Errorf("going on: exit code %d, %d judgments: %s%s", code, s.asked, again, stderr)
	}
	drawn := filepath.Join(dir, "drawn")
	args[len(args)-1] = drawn
	code, shown, stderr = trit(append(args, "--category-temperatures", "--json")...)
	var report struct {
		Drawn   bool
		Overall struct{ Ratings int }
	}
	if err := json.Unmarshal([]byte(shown), &report); code != cmdline.ExitOK || err != nil || !report.Drawn || report.Overall.Ratings != 6 {
		t.Errorf("drawn: exit code %d, %v: %s%s", code, err, shown, stderr)
	}
	if code, shown, stderr := trit("eval", "compare", out, drawn); code != cmdline.ExitOK || !strings.Contains(shown, "paired z    3") {
		t.Errorf("compare: exit code %d: %s%s", code, shown, stderr)
	}
}

func TestMTBenchFlags(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"eval mt_bench m.gguf --out o":                                                          "name it with --judge",
		"eval mt_bench --out o --judge http://h/v1 --judge-model x":                             "MODEL is missing",
		"eval mt_bench m.gguf --judge http://h/v1 --judge-model x":                              "out",
		"eval mt_bench m.gguf --out o --judge http://h/v1":                                      "--judge-model",
		"eval mt_bench m.gguf --out o --judge h --judge-model x":                                "--judge: the server is \"h\"",
		"eval mt_bench m.gguf --out o --judge-model x":                                          "--judge-model is for a judge: it needs --judge URL",
		"eval mt_bench m.gguf --out o --judge http://h/v1 --judge-model x --judge-concurrent 0": "1 to 1024",
		"eval mt_bench m.gguf --out o --judge http://h/v1 --judge-model x --json --markdown":    "give one of them",
		"repro 2b-4t --out o --model m.gguf --judge-prompts p":                                  "--judge-prompts is for a judge",
		"eval m.gguf --tasks mt_bench":                                                          "another model judges the answers to mt_bench: trit eval mt_bench measures it",
		"repro b1.58-2t --out " + filepath.Join(dir, "o"):                                       "name yours with --model",
	} {
		if code, _, stderr := trit(strings.Fields(args)...); code != cmdline.ExitUsage || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d and %q, want %q in one line", args, code, stderr, want)
		}
	}
}
