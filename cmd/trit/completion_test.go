package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/internal/machine"
)

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		code, out, stderr := trit(args...)
		for _, want := range []string{"trit ", "\nbuilt    go1.", "\nkernels  intmul ", "\nthreads  "} {
			if code != cmdline.ExitOK || !strings.Contains(out, want) {
				t.Errorf("%v: exit code %d, %s%s, want %q", args, code, out, stderr, want)
			}
		}
	}
	_, out, _ := trit("--version", "--json")
	var a machine.About
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Threads != machine.Describe().Threads || len(a.Kernels) == 0 {
		t.Errorf("%v, %s", err, out)
	}
}

func TestHelpOfACommandBesideANameOfAnother(t *testing.T) {
	for _, c := range []struct{ args, name string }{
		{"watch run --help", "trit watch"}, {"eval convert --help", "trit eval"}, {"inspect train --help", "trit inspect"},
		{"--help run", "trit"}, {"data prepare train -h", "trit data prepare"}, {"help eval compare", "trit eval compare"},
	} {
		code, out, stderr := trit(strings.Fields(c.args)...)
		if code != cmdline.ExitOK || !strings.HasPrefix(out, "NAME:\n   "+c.name+" - ") {
			t.Errorf("trit %s: exit code %d, %.80q, %s", c.args, code, out, stderr)
		}
	}
}

func TestComplete(t *testing.T) {
	files := cmdline.Files.Word
	for _, c := range []struct {
		words []string // that are typed, the last one in part
		want  []string
		not   string
	}{
		{[]string{"tra"}, []string{"train"}, files},
		{[]string{""}, []string{"quickstart", "eval", "version"}, files},
		{[]string{"train", "--da"}, []string{"--data"}, "--out"},
		{[]string{"train", "--config", "trit-1"}, []string{"trit-1m", "trit-10m", files}, "3b"},
		{[]string{"train", "--config=trit-1"}, []string{"--config=trit-1m"}, "3b"},
		{[]string{"train", "--config", "=", "trit-1"}, []string{"--config=trit-1m"}, "3b"}, // as bash has it
		{[]string{"train", "--set", "hidden_s"}, []string{"hidden_size="}, "hidden_act="},
		{[]string{"eval", "m.gguf", "--tasks", "boolq,arc_e"}, []string{"boolq,arc_easy", files}, "arc_easy"},
		{[]string{"eval", ""}, []string{"list", "compare", files}, ""},
		{[]string{"eval", "m.gguf", "c"}, []string{files}, "compare"},
		{[]string{"run", "m.gguf", "--head", ""}, []string{"bounded", "q6_k"}, files},
		{[]string{"run", "m.gguf", "-n", ""}, nil, files},
		{[]string{"convert", "run", "o.gguf", "--type", "tq"}, []string{"tq1_0", "tq2_0"}, "i2_s"},
		{[]string{"data", ""}, []string{"prepare", "show"}, files},
		{[]string{"help", "ev"}, []string{"eval"}, files},
		{[]string{"completion", ""}, cmdline.Shells, files},
		{[]string{"run", "--", "-"}, []string{files}, "--prompt"},
	} {
		code, out, stderr := trit(slices.Concat([]string{"completion", "words", "--"}, c.words)...)
		var got []string
		for line := range strings.Lines(out) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		missing := slices.ContainsFunc(c.want, func(w string) bool { return !slices.Contains(got, w) })
		if code != cmdline.ExitOK || stderr != "" || missing || c.not != "" && slices.Contains(got, c.not) {
			t.Errorf("%q: exit code %d, %q %s, want %q and not %q", c.words, code, got, stderr, c.want, c.not)
		}
	}
}

// Bash completes a line by the script as it would at the prompt.
func TestCompletionInBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "trit")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "trit-1m notes.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const ask = `compopt() { :; } # there is no line to complete outside of a prompt
source <("$1" completion bash)
shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_trit
printf '%s\n' "${COMPREPLY[@]}"`
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"tra"}, "train"},
		{[]string{"train", "--config", "trit-1m"}, "trit-1m-adamw|trit-1m|trit-1m notes.json"},
		{[]string{"train", "--config", "=", "llama-3"}, "llama-3m"},
		{[]string{"eval", "--tasks", "boolq,hel"}, "boolq,hellaswag"},
		{[]string{"watch", "--axis", ""}, "step|tokens|minutes|FLOPs"},
	} {
		cmd := exec.Command("bash", slices.Concat([]string{"-c", ask, "bash", program, program}, c.words)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "|"); err != nil || got != c.want {
			t.Errorf("%q: %v, %q, want %q", c.words, err, got, c.want)
		}
	}
}

// The scripts of all shells are sound where the shell is installed.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range cmdline.Shells {
		code, script, stderr := trit("completion", shell)
		if code != cmdline.ExitOK || !strings.Contains(script, "completion words --") {
			t.Errorf("%s: exit code %d, %s", shell, code, stderr)
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	if code, _, stderr := trit("completion", "tcsh"); code != cmdline.ExitUsage || !strings.Contains(stderr, "bash, zsh, fish") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
