package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// tritIn runs the command with a standard input.
func tritIn(in string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"trit"}, args...), strings.NewReader(in), &out, &err)
	return code, out.String(), err.String()
}

// Values out of range and flags without effect are refused before a model is opened, and an error
// names what is wrong and nothing else.
func TestRunRefusesFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"-p x --temperature -1":                 "trit: --temperature is \"-1\": want a number of at least 0\n",
		"-p x --top-p 1.5":                      "trit: --top-p is 1.5: want a share from 0 to 1\n",
		"-p x --min-p -0.1":                     "trit: --min-p is \"-0.1\": want a number of at least 0\n",
		"-p x --top-k -3":                       "trit: --top-k is \"-3\": want a whole number of at least 0\n",
		"-p x --repetition-penalty -2":          "trit: --repetition-penalty is \"-2\": want a number of at least 0\n",
		"-p x --temperature NaN":                "trit: --temperature is \"NaN\": want a number of at least 0\n",
		"-p x --min-p 3 --top-p 2":              "trit: --top-p is 2: want a share from 0 to 1; --min-p is 3: want a share from 0 to 1\n",
		"-p x -n 0":                             "trit: -n is 0: ",
		"-p x -n -2":                            "trit: -n is -2: ",
		"-p x --context -1":                     "trit: --context is \"-1\": ",
		"-p x --context 0":                      "trit: --context is 0: ",
		"-p x --system y":                       "trit: --system has no effect without --chat\n",
		"-p x -p y":                             "trit: --prompt is given 2 times",
		"-p x --file y":                         "trit: --prompt and --file both",
		"--chat -p x":                           "trit: --prompt has no effect with --chat",
		"--chat -f x":                           "trit: --file has no effect with --chat",
		"-p x --greedy --temperature 0.5":       "trit: --greedy is --temperature 0: ",
		"-p x --greedy --top-k 5":               "trit: --top-k has no effect with --greedy",
		"-p x --temperature 0 --top-p 0.5":      "trit: --top-p has no effect with --temperature 0",
		"-p x --temperature 0 --seed 5":         "trit: --seed has no effect with --temperature 0",
		"-p x --greedy --min-p 0.5 --threads 1": "trit: --min-p has no effect with --greedy",
		"":                                      "trit: there is no prompt: give --prompt TEXT, --file FILE",
	} {
		code, out, stderr := trit(append([]string{"run", "none.gguf"}, strings.Fields(flags)...)...)
		if code != cmdline.ExitUsage || out != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q and %q, want %q", flags, code, out, stderr, want)
		}
	}
}

// A prompt comes from the command line, a file or the standard input, without the line break at
// the end of the last two.
func TestRunReadsPrompts(t *testing.T) {
	model := convertedTo(t, tokensGolden, "x.gguf")
	file := filepath.Join(t.TempDir(), "prompt.txt")
	if err := os.WriteFile(file, []byte("Hi there,\n it is\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, want, stderr := trit("run", model, "-p", "Hi there,\n it is", "-n", "6")
	if code != cmdline.ExitOK || !strings.HasPrefix(want, "Hi there,\n it is") {
		t.Fatalf("exit code %d, %q, %s", code, want, stderr)
	}
	for name, c := range map[string]struct {
		in    string
		flags []string
	}{
		"file": {"ignored", []string{"-f", file}}, "input": {"Hi there,\n it is\n", nil}, "dash": {"Hi there,\n it is", []string{"--file", "-"}},
	} {
		if code, got, stderr := tritIn(c.in, append([]string{"run", model, "-n", "6"}, c.flags...)...); code != cmdline.ExitOK || got != want {
			t.Errorf("%s: exit code %d, %q, want %q, %s", name, code, got, want, stderr)
		}
	}
	if code, out, stderr := trit("run", model, "-f", model); code != cmdline.ExitFailed || out != "" || !strings.Contains(stderr, "is not text in UTF-8") {
		t.Errorf("a model as prompt: exit code %d, %q, %s", code, out, stderr)
	}
}

// What does not fit into the context is said before anything is printed.
func TestRunSaysWhatTheContextHolds(t *testing.T) {
	model := convertedTo(t, tokensGolden, "x.gguf")
	long := strings.Repeat("Hi there ", 40)
	code, out, stderr := trit("run", model, "-p", long, "--context", "20")
	if code != cmdline.ExitUsage || out != "" || !strings.Contains(stderr, "and the context 20: --context N holds more") {
		t.Errorf("a long prompt: exit code %d, %q, %s", code, out, stderr)
	}
	code, out, stderr = trit("run", model, "-p", strings.Repeat(long, 20))
	if code != cmdline.ExitUsage || out != "" || !strings.Contains(stderr, "shorten it, or give --context N") {
		t.Errorf("a prompt beyond the model: exit code %d, %q, %s", code, out, stderr)
	}
	code, _, stderr = trit("run", model, "-p", "Hi", "-n", "1", "--context", "100000")
	if code != cmdline.ExitOK || !strings.Contains(stderr, "--context 100000 is beyond the ") {
		t.Errorf("a large context: exit code %d, %s", code, stderr)
	}
	code, out, stderr = trit("run", model, "-p", "Hi", "-n", "-1", "--context", "30", "--greedy")
	if code != cmdline.ExitOK || len(out) < 15 || !strings.Contains(stderr, "the context of 30 tokens is full") {
		t.Errorf("without a limit: exit code %d, %q, %s", code, out, stderr)
	}
}

// Without flags the advice of the file counts, and 0.8 and 0.95 for what it does not say; flags
// count before it.
func TestRunFollowsTheModelsAdvice(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	text := func(model string, flags ...string) string {
		code, out, stderr := trit(append([]string{"run", model, "-p", "Hi there", "-n", "24"}, flags...)...)
		if code != cmdline.ExitOK {
			t.Fatalf("%v: exit code %d, %s", flags, code, stderr)
		}
		return out
	}
	if text(plain) != text(plain, "--temperature", "0.8", "--top-p", "0.95", "--seed", "1") {
		t.Error("the default is not temperature 0.8 and top-p 0.95")
	}
	if text(plain, "--greedy") != text(plain, "--temperature", "0") || text(plain) == text(plain, "--greedy") {
		t.Error("--greedy is not --temperature 0, or the default is greedy")
	}
	advised := withMeta(t, plain, map[string]any{"general.sampling.temp": float32(1.5), "general.sampling.top_k": int32(3)})
	if text(advised) != text(plain, "--temperature", "1.5", "--top-k", "3", "--top-p", "0.95") || text(advised) == text(plain) {
		t.Error("the file's advice does not count")
	}
	if text(advised, "--temperature", "0.8", "--top-k", "0") != text(plain) || text(advised, "--greedy") != text(plain, "--greedy") {
		t.Error("flags do not count before the file's advice")
	}
	unknown := withMeta(t, plain, map[string]any{"general.sampling.mirostat": int32(2), "general.sampling.xtc_probability": float32(0)})
	if _, _, stderr := trit("run", unknown, "-p", "Hi", "-n", "1"); strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "general.sampling.mirostat is 2") {
		t.Errorf("advice that is not followed: %q", stderr)
	}
	wrong := withMeta(t, plain, map[string]any{"general.sampling.temp": float32(-2)})
	if code, out, stderr := trit("run", wrong, "-p", "Hi"); code != cmdline.ExitFailed || out != "" || !strings.Contains(stderr, "--temperature is -2") {
		t.Errorf("wrong advice: exit code %d, %q, %s", code, out, stderr)
	}
}

// generation_config.json goes into a GGUF file and out of it again.
func TestAdviceIsConverted(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.CopyFS(folder, os.DirFS(tokensGolden)); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(folder, "generation_config.json"), `{"do_sample": true, "temperature": 0.6, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.1}`)
	model, back := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "back")
	mustTrit(t, "convert", folder, model)
	meta := metaOf(t, model)
	for key, want := range map[string]any{"temp": float32(0.6), "top_k": int32(50), "top_p": float32(0.9), "penalty_repeat": float32(1.1), "min_p": nil} {
		if got, _ := meta.Get("general.sampling." + key); got != want {
			t.Errorf("general.sampling.%s is %v, want %v", key, got, want)
		}
	}
	mustTrit(t, "convert", model, back)
	for _, want := range []string{`"temperature": 0.6,`, `"top_k": 50,`, `"top_p": 0.9`, `"repetition_penalty": 1.1,`, `"do_sample": true`} {
		if got := readFile(t, filepath.Join(back, "generation_config.json")); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}
