package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/configs"
	"trit/format/packing"
)

// presetEngines is what the engines do with each preset.
func presetEngines(t *testing.T) map[string][]packing.Engine {
	t.Helper()
	out := map[string][]packing.Engine{}
	for _, name := range configs.Models() {
		c, err := configs.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Config.Resolve()
		out[name] = packing.Engines(&c.Config)
	}
	return out
}

// The table in the documentation says of every preset what the command says.
func TestEngineTable(t *testing.T) {
	b, err := os.ReadFile("../../docs/engines.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, engines := range presetEngines(t) {
		row := "| `" + name + "` |"
		for _, e := range engines {
			cell := packing.TypeNames(e.Fits)
			if len(e.Fits) == 0 {
				cell = e.Text()
			}
			row += " " + cell.Text(cmdline.SettingName) + " |"
		}
		if !strings.Contains(string(b), row+"\n") {
			t.Errorf("docs/engines.md has no row\n%s", row)
		}
	}
}

// llama.cpp runs the presets that are named after it, and of the small ones no others.
func TestLlamaPresets(t *testing.T) {
	for name, engines := range presetEngines(t) {
		runs := len(engines[3].Fits) > 0
		named := strings.HasPrefix(name, "llama-") || strings.HasPrefix(name, "qwen3-")
		if named && !runs || strings.HasPrefix(name, "trit-") && runs {
			t.Errorf("%s: %s: %s", name, engines[3].Name, engines[3].Text())
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
	code, _, stderr = trit("convert", run, filepath.Join(dir, "x.gguf")) // a line says which model of the run it takes
	if code != cmdline.ExitFailed || !strings.Contains(stderr, "a folder holds this model") || strings.Count(stderr, "\n") != 2 {
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
