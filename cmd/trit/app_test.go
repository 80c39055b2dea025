package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/repro"
)

func trit(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"trit"}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	app := newApp(nil, nil, nil)
	for _, c := range []struct{ in, want string }{
		{"trit eval m.gguf --tasks t --num-fewshot -1", "trit eval --tasks t --num-fewshot -1 m.gguf"},
		{"trit convert a b --force --type i2_s", "trit convert --force --type i2_s a b"},
		{"trit verify x --json -- --z", "trit verify --json -- x --z"},
		{"trit inspect --json f", "trit inspect --json f"},
		{"trit --version --json", "trit version --json"},
		// A call for help is one wherever it stands, whatever else is on the line.
		{"trit watch run --help", "trit watch --help"},
		{"trit inspect train -h --json", "trit inspect --help"},
		{"trit eval convert --tasks x --help", "trit eval --help"},
		{"trit eval compare run --help", "trit eval compare --help"},
		{"trit help eval compare", "trit eval compare --help"},
		{"trit help", "trit --help"},
		{"trit run m -p --help=x", "trit run -p --help=x m"},
	} {
		got, err := cmdline.Arrange(app, strings.Fields(c.in))
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %v, %v, want %s", c.in, got, err, c.want)
		}
	}
}

func TestExitCodesAndErrorsOfOneLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"fly", cmdline.ExitUsage, "no command"},
		{"data fly", cmdline.ExitUsage, "no command"},
		{"convert a", cmdline.ExitUsage, "OUT is missing"},
		{"convert a b c", cmdline.ExitUsage, "too many"},
		{"convert --fast a b", cmdline.ExitUsage, "fast"},
		{"train", cmdline.ExitUsage, "config"},
		{"train --init nowhere", cmdline.ExitFailed, "--init: "},
		{"train --config nothing", cmdline.ExitUsage, "trit-1m"},
		{"train --config trit-1m --set hiden_size=2 --print-config", cmdline.ExitUsage, "hidden_size"},
		{"train --config trit-1m", cmdline.ExitUsage, "--data"},
		{"train --config trit-1m --data d --out o --ranks 2", cmdline.ExitUsage, "mpirun"},
		{"run m.gguf", cmdline.ExitUsage, "--prompt"},
		{"embed m.gguf", cmdline.ExitUsage, "there is no text"},
		{"embed nothing.gguf -p x", cmdline.ExitFailed, "nothing.gguf"},
		{"embed m.gguf --file nothing.txt", cmdline.ExitFailed, "nothing.txt"},
		{"run nothing.gguf -p x", cmdline.ExitFailed, "nothing.gguf"},
		{"logits m --ids 1,x --out y", cmdline.ExitUsage, "not a token id"},
		{"inspect nothing", cmdline.ExitFailed, "nothing"},
		{"eval nothing --tasks arc_easy", cmdline.ExitFailed, "nothing"},
		{"eval model.gguf", cmdline.ExitUsage, "--tasks"},
		{"eval --tasks arc_easy", cmdline.ExitUsage, "MODEL"},
		{"eval m --tasks arc_easy --samples {", cmdline.ExitUsage, "--samples"},
		{"eval m --tasks arc_easy --json --markdown", cmdline.ExitUsage, "--markdown"},
		{"eval compare a", cmdline.ExitUsage, "B is missing"},
		{"eval compare a b", cmdline.ExitFailed, "no file or folder a"},
		{"serve m --alert heat>5", cmdline.ExitUsage, "--alert: "},
		{"serve m --alert-webhook nowhere", cmdline.ExitFailed, "--alert-webhook: the address"},
		{"serve m --trace-endpoint localhost:4317", cmdline.ExitFailed, "--trace-endpoint: "},
		{"serve m --history app.go", cmdline.ExitFailed, "--history: app.go: it is no history"},
		{"bench --shape huge", cmdline.ExitUsage, "125m"},
		{"quickstart --out .", cmdline.ExitFailed, ". is not empty: name another --out"},
		{"data prepare --data app.go --tokenizer nowhere --out o", cmdline.ExitFailed, "nowhere"},
		{"tokenizer train --data app.go --out .", cmdline.ExitFailed, "name a new folder with --out"},
		{"repro scaling --data d --out o --configs nothing", cmdline.ExitUsage, "--configs: there is no preset"},
		{"repro scaling --data d --out o --set hiden_size=2", cmdline.ExitUsage, "--set: there is no key"},
		{"repro scaling --data d --out o --tokens 3", cmdline.ExitUsage, "--tokens is 3: want at least"},
	} {
		code, _, stderr := trit(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d and %q, want %d and %q in one line", c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestEveryCommandHasExamples(t *testing.T) {
	for _, c := range newApp(nil, nil, nil).Commands {
		list := c.Subcommands
		if len(list) == 0 {
			list = append(list, c)
		}
		for _, s := range list {
			if !strings.Contains(s.Description, "Examples:\ntrit ") {
				t.Errorf("%s has no examples", s.Name)
			}
		}
	}
}

// The whole way with a few steps: every command's output is the next one's input.
func TestQuickstart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	code, out, stderr := trit("quickstart", "--out", dir, "--json", dir+".json", "--max-time", "3s")
	if code != cmdline.ExitOK {
		t.Fatalf("exit code %d: %s\n%s", code, stderr, out)
	}
	b, err := os.ReadFile(dir + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var r repro.QuickstartReport
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if ratio := r.Packed.BitsPerByte / r.Graph.BitsPerByte; ratio < 0.995 || ratio > 1.005 {
		t.Errorf("the packed model has %g of the graph's bits per byte", ratio)
	}
	if html, err := os.ReadFile(filepath.Join(dir, "report.html")); err != nil || !bytes.Contains(html, []byte("<svg")) {
		t.Errorf("report.html: %v", err)
	}
	model := filepath.Join(dir, "model.gguf")
	if code, out, stderr := trit("run", model, "-p", "The fox", "-n", "5"); code != cmdline.ExitOK || !strings.HasPrefix(out, "The fox") {
		t.Errorf("run: exit code %d, %q, %s", code, out, stderr)
	}
	if code, _, stderr := trit("logits", model, "--ids", "1,2,3", "--out", dir+".f32"); code != cmdline.ExitOK {
		t.Errorf("logits: %s", stderr)
	}
	if info, err := os.Stat(dir + ".f32"); err != nil || info.Size() != 3*768*4 {
		t.Errorf("logits: %v, %v", info, err)
	}
	if code, out, stderr := trit("bench", model, "--json", "--prompt", "8", "--generate", "2", "--repeat", "1"); code != cmdline.ExitOK || !strings.Contains(out, "int8_gop_per_s") {
		t.Errorf("bench: %s %s", out, stderr)
	}
	if code, _, stderr := trit("quickstart", "--out", dir); code != cmdline.ExitFailed || !strings.Contains(stderr, "not empty") {
		t.Errorf("a second quickstart: exit code %d, %s", code, stderr)
	}
}

func TestBenchHeads(t *testing.T) {
	small := []string{"bench", "--shape", "trit-10m", "--prompt", "8", "--generate", "2", "--repeat", "1", "--json"}
	for _, flags := range [][]string{{"--head", "q6_k"}, {"--exact-logits"}, {"--exact-logits", "--head", "exact"}} {
		if code, _, stderr := trit(append(small, flags...)...); code != cmdline.ExitOK {
			t.Errorf("%v: exit code %d, %s", flags, code, stderr)
		}
	}
	if code, _, stderr := trit(append(small, "--exact-logits", "--head", "int8")...); code != cmdline.ExitUsage || !strings.Contains(stderr, "leave out") {
		t.Errorf("two heads: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := trit("bench", "--shape", "70b", "--profile", "mobile"); code != cmdline.ExitFailed || !strings.Contains(stderr, "the limit is 3.2 GB") {
		t.Errorf("a model too large for its profile: exit code %d, %s", code, stderr)
	}
}

func TestDryRunAndPrintConfig(t *testing.T) {
	if code, out, stderr := trit("train", "--config", "3b", "--dry-run"); code != cmdline.ExitOK || !strings.Contains(out, "parameters       33") {
		t.Errorf("dry run: exit code %d, %s%s", code, out, stderr)
	}
	code, out, _ := trit("train", "--config", "3b", "--dry-run", "--ranks", "8", "--tflops", "8")
	for _, want := range []string{"ranks            8", "sent a step      23.38 GB", "exchange a step  18.7 s, of which 14.9 s", "efficiency       96.0 %, or 95.1 %", "1.19 years"} {
		if code != cmdline.ExitOK || !strings.Contains(out, want) {
			t.Errorf("dry run on 8 ranks: exit code %d, want %q in\n%s", code, want, out)
		}
	}
	if code, _, stderr := trit("train", "--config", "3b", "--dry-run", "--ranks", "3", "--tflops", "1"); code != cmdline.ExitUsage || !strings.Contains(stderr, "a multiple") {
		t.Errorf("dry run on 3 ranks: exit code %d, %s", code, stderr)
	}
	code, out, _ = trit("train", "--config", "125m", "--print-config", "--set", "max_steps=7")
	var config map[string]any
	if err := json.Unmarshal([]byte(out), &config); code != cmdline.ExitOK || err != nil || config["max_steps"] != 7.0 {
		t.Errorf("print-config: %d, %v, %v", code, err, config["max_steps"])
	}
}

// The help lists every command once, in one line, under its group, and the groups in the
// order in which a user meets them.
func TestHelpGroupsTheCommands(t *testing.T) {
	code, out, _ := trit("--help")
	if code != cmdline.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	_, list, _ := strings.Cut(out, "COMMANDS:\n")
	list, _, _ = strings.Cut(list, "\n\nGLOBAL OPTIONS:")
	var got []string
	usage := map[string]string{}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if name, text, found := strings.Cut(line, "  "); found {
			usage[name], line = strings.TrimSpace(text), name
		}
		got = append(got, line)
	}
	want := "quickstart  Prepare: pull tokenizer data  Train: train distill watch  Use: convert merge run serve batch embed inspect  Measure: eval divergence bench repro verify logits  Help: version completion"
	if strings.Join(got, " ") != want {
		t.Errorf("the help lists\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
	for _, c := range newApp(nil, nil, nil).Commands {
		if c.Usage == "" || usage[c.Name] != c.Usage {
			t.Errorf("%s: %q, want %q in one line", c.Name, usage[c.Name], c.Usage)
		}
	}
}

// What the quickstart shows as the commands of its steps are commands that can be typed.
func TestCommandLinesOfTheQuickstart(t *testing.T) {
	app := newApp(nil, nil, nil)
	for _, s := range []repro.Step{
		&repro.TrainTokenizer{Data: "t", Column: "text", VocabSize: 7, Out: "o"},
		&repro.PrepareData{Data: "t", Column: "text", Tokenizer: "k", Holdout: 0.03, Out: "o"},
		&repro.TrainModel{Preset: "trit-1m", Data: "d", Out: "o", MaxTime: time.Minute, Seed: 3},
		&repro.ConvertModel{In: "r", Out: "m.gguf"},
		&repro.Generate{Model: "m.gguf", Prompt: "One", MaxTokens: 6, Temperature: 0.5},
		&repro.Evaluate{Model: "m.gguf", Tasks: []string{"a", "b.json"}, Data: "d"},
	} {
		words := strings.Fields(commandLine(s))
		if len(words) < 4 || words[0] != "trit" {
			t.Errorf("%T: %q", s, words)
			continue
		}
		flags, commands := []cli.Flag(nil), app.Commands
		for _, w := range words[1:] {
			if i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == w }); i >= 0 {
				flags, commands = commands[i].Flags, commands[i].Subcommands
				continue
			}
			name := strings.TrimLeft(w, "-")
			if name != w && !slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }) {
				t.Errorf("%s: there is no flag %s", strings.Join(words, " "), w)
			}
		}
		if len(flags) == 0 {
			t.Errorf("%s is no command", strings.Join(words, " "))
		}
	}
	for _, s := range []repro.Step{&repro.MakeWorld{}, &repro.MeasureSpeed{}} {
		if words := commandLine(s); words != "" {
			t.Errorf("%T: %q, want none", s, words)
		}
	}
}

// The help of a flag names its value, and no more than one default, which is not the 0 that stands for another.
func TestFlagsSayOneDefault(t *testing.T) {
	var walk func(path string, commands []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				text := f.String()
				if strings.Count(text, "(default: ") > 1 || strings.Contains(text, "(default: 0)") || strings.Contains(text, " value\t") {
					t.Errorf("%s %s: %q", path, c.Name, text)
				}
			}
			walk(path+" "+c.Name, c.Subcommands)
		}
	}
	walk("trit", newApp(nil, nil, nil).Commands)
}
