package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/configs"
	"trit/format/packing"
)

// engineTable is the table of presets by engine as docs/engines.md has it.
func engineTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| preset | trit |")
	columns := map[string]string{"bitnet.cpp": "bitnet.cpp", "ik_llama.cpp": "ik_llama.cpp", "llama.cpp": "llama.cpp, Ollama before 0.31.2"}
	for name, line := range presetEngines(t) {
		if name == 0 {
			for _, e := range line {
				if title, ok := columns[e.Name]; ok {
					b.WriteString(" " + title + " |")
				}
			}
			b.WriteString("\n|---|---|---|---|---|\n")
		}
		b.WriteString("| `" + configs.Names()[name] + "` |")
		for _, e := range line {
			if _, ok := columns[e.Name]; ok || e.Name == "trit" {
				fmt.Fprintf(&b, " %s |", cell(e))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// presetEngines is what the engines do with each preset, in the order of configs.Names.
func presetEngines(t *testing.T) (out [][]packing.Engine) {
	t.Helper()
	for _, name := range configs.Names() {
		c, err := configs.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Config.Resolve()
		out = append(out, packing.Engines(&c.Config))
	}
	return out
}

// cell is what the table says of an engine: types, or what is in the way.
func cell(e packing.Engine) string {
	if len(e.Fits) > 0 {
		return packing.TypeNames(e.Fits).Text(cmdline.SettingName)
	}
	return e.Text().Text(cmdline.SettingName)
}

// The table in the documentation says of every preset what the command says.
func TestEngineTable(t *testing.T) {
	b, err := os.ReadFile("../../docs/engines.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := engineTable(t); !strings.Contains(string(b), want) {
		t.Errorf("docs/engines.md does not hold the table of presets:\n%s", want)
	}
}

// The descriptions of presets say of llama.cpp what is so.
func TestPresetsSayWhoRunsThem(t *testing.T) {
	for i, engines := range presetEngines(t) {
		name := configs.Names()[i]
		for _, e := range engines {
			if e.Name != "llama.cpp" {
				continue
			}
			if runs := len(e.Fits) > 0; strings.HasPrefix(name, "llama-") != runs && strings.Contains(name, "-") {
				t.Errorf("%s: llama.cpp: %s", name, e.Text())
			}
		}
	}
}

// A shape that no type of GGUF can hold is refused before it is trained, unless that is wanted.
func TestUnpackable(t *testing.T) {
	dir := t.TempDir()
	data, run := smallData(t, dir), filepath.Join(dir, "run")
	args := func(more ...string) []string {
		return append([]string{"train", "--config", "trit-1m", "--set", "num_hidden_layers=1", "--data", data, "--out", run, "--max-steps", "2"}, more...)
	}
	narrow := []string{"--set", "hidden_size=100", "--set", "num_attention_heads=2", "--set", "num_key_value_heads=2"}
	for want, set := range map[string][]string{
		"hidden_size is 100, no multiple of 128": narrow,
		"hidden_act is relu2: no architecture":   {"--set", "sub_norms=false"},
	} {
		for _, more := range [][]string{nil, {"--dry-run"}} {
			code, _, stderr := trit(args(append(more, set...)...)...)
			if code != cmdline.ExitUsage || !strings.Contains(stderr, want) || !strings.Contains(stderr, "--unpackable") ||
				strings.Count(stderr, "\n") != 1 {
				t.Errorf("%v %v: code %d, %q, want %q", set, more, code, stderr, want)
			}
		}
	}
	if _, err := os.Stat(run); err == nil {
		t.Error("a refused run has a folder")
	}
	code, _, stderr := trit(args(append(narrow, "--unpackable")...)...)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "no GGUF file can be made of it: ") {
		t.Errorf("--unpackable: code %d, %q", code, stderr)
	}
	code, _, stderr = trit("convert", run, filepath.Join(dir, "x.gguf"))
	if code != cmdline.ExitFailed || !strings.Contains(stderr, "a folder holds this model") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("convert: code %d, %q", code, stderr)
	}
	mustTrit(t, "convert", run, filepath.Join(dir, "folder"))
}

// Before a run begins, and in its estimate, it is said who runs the model.
func TestTrainSaysWhoRunsIt(t *testing.T) {
	dir := t.TempDir()
	data := smallData(t, dir)
	args := []string{"train", "--config", "trit-1m", "--set", "num_hidden_layers=1", "--data", data, "--out", filepath.Join(dir, "run"), "--max-steps", "2"}
	_, _, stderr := trit(args...)
	for _, want := range []string{"i2_s", "trit, bitnet.cpp, ik_llama.cpp", "why not on llama.cpp, Ollama"} {
		if line, _, _ := strings.Cut(stderr, "\n"); !strings.Contains(line, want) {
			t.Errorf("the first line is %q, want %q", line, want)
		}
	}
	_, out, _ := trit(append(args, "--dry-run")...)
	for _, want := range []string{"\nGGUF types       i2_s\n", "\nllama.cpp        no: hidden_act is relu2", "hidden_size is 128, no multiple of 256"} {
		if !strings.Contains(out, want) {
			t.Errorf("the estimate has no %q: %s", want, out)
		}
	}
	_, out, _ = trit("train", "--config", "llama-1m", "--data", data, "--dry-run")
	if !strings.Contains(out, "\nllama.cpp        tq1_0, tq2_0\n") {
		t.Errorf("llama-1m: %s", out)
	}
}
