package hffolder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(dir, "run")
	check := func(path string, want Choice, text, name string) {
		t.Helper()
		got, err := Choose(path)
		if err != nil || got != want || got.String() != text || NameOf(got.Dir) != name {
			t.Errorf("%s: %+v, %q of %q, %v: want %+v, %q", path, got, got, NameOf(got.Dir), err, want, text)
		}
	}
	if _, err := Choose(dir); err == nil {
		t.Error("a folder without a model has one")
	}
	write("plain/config.json", "{}")
	plain := filepath.Join(dir, "plain")
	check(plain, Choice{Dir: plain}, plain, "plain")
	write("run/step-00000003/config.json", "{}")
	write("run/step-00000012/config.json", "{}")
	newest := filepath.Join(run, "step-00000012")
	check(run, Choice{Dir: newest, Step: 12}, newest+", the newest checkpoint of the run, which has no best model", "run")
	write("run/best/config.json", "{}")
	best := filepath.Join(run, "best")
	check(run, Choice{Dir: best, Best: true}, best+", the best of the run by held-out loss", "best")
	write("run/best/best.json", `{"step": 3}`)
	check(run, Choice{Dir: best, Best: true, Step: 3}, best+", the best of the run by held-out loss, step 3", "run")
	check(newest, Choice{Dir: newest}, newest, "run")
	write("tuned/step-00000002/adapter_config.json", `{"base_model_name_or_path": "plain"}`)
	_, err := Open(filepath.Join(dir, "tuned"))
	if err == nil || !strings.Contains(err.Error(), "tuned holds an adapter, not a model: name the model that it belongs to (plain ") {
		t.Errorf("a run of adapters: %v", err)
	}
}
