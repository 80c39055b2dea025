package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
	"trit/data/world"
)

// output collects what a command writes, for other goroutines to read meanwhile.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// serveModel runs trit serve and returns its address. The command must end with exit code 0 when
// the test does.
func serveModel(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs output
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"trit", "serve", "--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), &out, &errs)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != cmdline.ExitOK {
			t.Errorf("trit serve: exit code %d, %s", code, errs.String())
		}
	})
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if url, _, ok := strings.Cut(out.String(), "\n"); ok {
			return url
		}
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("trit serve: exit code %d, %s", code, errs.String())
		default:
		}
	}
	t.Fatal("the server does not begin")
	return ""
}

// post sends a body and reads the answer into v.
func post(t *testing.T, url, body string, v any) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s (%v)", url, body, r.StatusCode, b, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

// completion is the part of an answer that the tests look at.
type completion struct {
	Choices []struct {
		Text    string
		Message struct{ Content string }
	}
	Usage struct {
		Details struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

// TestServeAnswersAsRunDoes compares greedy answers, also of many clients at once.
func TestServeAnswersAsRunDoes(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", trained, model)
	url := serveModel(t, model)
	var clients sync.WaitGroup
	for i := range 12 {
		prompt := fmt.Sprintf("The %d. day of Anna and her cat", i)
		code, want, stderr := trit("run", model, "-p", prompt, "-n", "20", "--greedy")
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		clients.Go(func() {
			var got completion
			post(t, url+"/v1/completions", fmt.Sprintf(`{"model":"m","prompt":%q,"max_tokens":20,"temperature":0}`, prompt), &got)
			if text := prompt + got.Choices[0].Text + "\n"; text != want {
				t.Errorf("%q, trit run gives %q", text, want)
			}
		})
	}
	clients.Wait()
	var again completion
	post(t, url+"/v1/completions", `{"prompt":"The 3. day of Anna and her cat","max_tokens":1,"temperature":0}`, &again)
	if again.Usage.Details.CachedTokens == 0 {
		t.Error("a prompt that was answered before is computed again")
	}
}

// TestServeScoresAsEvalDoes measures a model directly and over HTTP.
func TestServeScoresAsEvalDoes(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	if err := world.Generate(world.Options{Seed: 1, Documents: 10, Questions: 12}).Write(dir); err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", trained, model)
	url := serveModel(t, model, "--cache", "f32") // as trit eval has it
	tasks := filepath.Join(dir, world.YesNoTask) + "," + filepath.Join(dir, world.FourWayTask)
	samples := func(out string) (all string) {
		files, _ := filepath.Glob(filepath.Join(out, "*samples*"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all += string(b)
		}
		return all
	}
	direct, remote := filepath.Join(dir, "direct"), filepath.Join(dir, "remote")
	mustTrit(t, "eval", model, "--tasks", tasks, "--out", direct)
	mustTrit(t, "eval", url+"/v1", "--model", "m", "--tokenizer", model, "--tasks", tasks, "--out", remote)
	if a, b := samples(direct), samples(remote); a != b || !strings.Contains(a, "resps") {
		t.Errorf("other samples over HTTP:\n%.600s\n%.600s", a, b)
	}
}

// TestServeChatsAndBatches talks to a model with a chat template in JSON, and answers a file.
func TestServeChatsAndBatches(t *testing.T) {
	model := chatModel(t, chatTemplate)
	name := strings.TrimSuffix(filepath.Base(model), ".gguf")
	url := serveModel(t, model, "--context", "200")
	const schema = `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"yes":{"type":"boolean"},"n":{"type":"integer","minimum":0,"maximum":9}},"required":["yes","n"],"additionalProperties":false}}}`
	body := `{"model":"` + name + `","messages":[{"role":"user","content":"Hello"}],"max_tokens":60,"seed":3,` + schema + `}`
	var got completion
	post(t, url+"/v1/chat/completions", body, &got)
	var value struct {
		Yes *bool
		N   *int
	}
	if err := json.Unmarshal([]byte(got.Choices[0].Message.Content), &value); err != nil || value.Yes == nil || value.N == nil {
		t.Errorf("the answer is %q (%v)", got.Choices[0].Message.Content, err)
	}
	in, out := filepath.Join(t.TempDir(), "in.jsonl"), filepath.Join(t.TempDir(), "out.jsonl")
	line := `{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":` + body + "}\n"
	if err := os.WriteFile(in, fmt.Appendf(nil, line+line, 1, 2), 0o644); err != nil {
		t.Fatal(err)
	}
	mustTrit(t, "batch", in, "--model", model, "--out", out, "--context", "200")
	b, err := os.ReadFile(out)
	if quoted, _ := json.Marshal(got.Choices[0].Message.Content); err != nil || strings.Count(string(b), string(quoted)) != 2 {
		t.Errorf("the batch holds %s (%v), want %s twice", b, err, quoted)
	}
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"serve":                         "MODEL is missing",
		"serve m.gguf --addr 0.0.0.0:1": "--keys FILE, or --open",
		"serve m.gguf --addr nowhere":   "want HOST:PORT",
		"serve nothing.gguf":            "nothing.gguf",
		"serve " + dir:                  dir,
		"batch in.jsonl":                "--model",
		"serve key add":                 "NAME is missing",
		"serve key remove anna --keys " + filepath.Join(dir, "k"): "holds no key anna",
	} {
		code, _, stderr := trit(strings.Fields(args)...)
		if code == cmdline.ExitOK || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d, %q, want %q in one line", args, code, stderr, want)
		}
	}
}
