package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/adapter"
	"trit/infer"
)

// writeAdapter writes an adapter of all projections with random values for a model.
func writeAdapter(t *testing.T, file, dir string, where adapter.Placement, seed uint64) {
	t.Helper()
	m, err := infer.Load(file, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(0.05 * r.NormFloat64())
		}
		return v
	}
	a := &adapter.Adapter{Alpha: 16, Placement: where, Base: "a small run", Pairs: map[string]adapter.Pair{}}
	c := m.Config()
	for _, s := range c.Tensors() {
		if strings.Contains(s.Name, "_proj") {
			a.Pairs[s.Name] = adapter.Pair{Rank: 4, In: s.Shape[1], Out: s.Shape[0], A: draw(4 * s.Shape[1]), B: draw(4 * s.Shape[0])}
		}
	}
	if err := adapter.WriteFolder(dir, a); err != nil {
		t.Fatal(err)
	}
}

// adaptedRun is a small run, its GGUF file, and adapters beside and inside its layers.
func adaptedRun(t *testing.T) (dir, run, file, beside, inside string) {
	t.Helper()
	dir = t.TempDir()
	run, _ = smallRun(t, dir)
	file, beside, inside = filepath.Join(dir, "m.gguf"), filepath.Join(dir, "adapters", "beside"), filepath.Join(dir, "adapters", "inside")
	mustTrit(t, "convert", run, file)
	writeAdapter(t, file, beside, adapter.Beside, 1)
	writeAdapter(t, file, inside, adapter.Inside, 2)
	return dir, run, file, beside, inside
}

// continued is what trit run writes.
func continued(t *testing.T, args ...string) string {
	t.Helper()
	code, out, stderr := trit(append([]string{"run", "-p", "The cat", "-n", "24", "--greedy"}, args...)...)
	if code != cmdline.ExitOK {
		t.Fatalf("%v: %s", args, stderr)
	}
	return out
}

// logitBytes is what trit logits writes.
func logitBytes(t *testing.T, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "logits")
	mustTrit(t, append([]string{"logits", "--ids", "5,6,7", "--out", out}, args...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAdaptersOnTheCommandLine(t *testing.T) {
	dir, run, file, beside, inside := adaptedRun(t)
	plain, tuned := continued(t, file), continued(t, file, "--adapter", beside)
	if plain == tuned || continued(t, file, "--adapter", beside+"=0") != plain || continued(t, run, "--adapter", beside) != tuned {
		t.Errorf("without %q, with %q: want that of the scale 0 to be the first, and that of the run the second", plain, tuned)
	}
	if twice := continued(t, file, "--adapter", beside, "--adapter", beside+"=-1"); twice != plain {
		t.Errorf("an adapter and its opposite: %q, want %q", twice, plain)
	}
	code, _, stderr := trit("run", file, "--adapter", inside, "-p", "a")
	if code == cmdline.ExitOK || !strings.Contains(stderr, "trit merge") {
		t.Errorf("an adapter inside the quantiser: exit code %d, %s", code, stderr)
	}
	if slices.Equal(logitBytes(t, file), logitBytes(t, file, "--adapter", beside)) {
		t.Error("trit logits leaves the adapter out")
	}
	eval := func(args ...string) string {
		code, out, stderr := trit(append([]string{"eval", file, "--tasks", "bits_per_byte", "--data-dir", filepath.Join(dir, "data")}, args...)...)
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		return out
	}
	if eval() == eval("--adapter", beside) {
		t.Error("trit eval leaves the adapter out")
	}
}

func TestMergeOnTheCommandLine(t *testing.T) {
	dir, run, file, beside, inside := adaptedRun(t)
	out, data := filepath.Join(dir, "merged.gguf"), filepath.Join(dir, "text.txt")
	if err := os.WriteFile(data, []byte(strings.Repeat("The cat of Anna sleeps all day. ", 40)), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := trit("merge", run, beside, out)
	if code != cmdline.ExitUsage || !strings.Contains(stderr, "--lossy") {
		t.Errorf("without --lossy: exit code %d, %s", code, stderr)
	}
	code, shown, stderr := trit("merge", run, beside, out, "--lossy", "--data", data)
	if code != cmdline.ExitOK {
		t.Fatal(stderr)
	}
	for _, want := range []string{"not exact", "q_proj", "the model:", "with the adapter:", "merged:", "verified"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the report lacks %q:\n%s", want, shown)
		}
	}
	code, shown, stderr = trit("merge", run, inside, out, "--force", "--data", data)
	if code != cmdline.ExitOK || !strings.Contains(shown, "the merge is exact") || strings.Contains(shown, "with the adapter:") {
		t.Errorf("inside the quantiser: exit code %d, %s%s", code, shown, stderr)
	}
	if slices.Equal(logitBytes(t, out), logitBytes(t, file)) {
		t.Error("the merge changed nothing")
	}
}

// TestServeAdapters serves a model and adapters of it side by side, which are chosen by name, loaded
// and unloaded.
func TestServeAdapters(t *testing.T) {
	dir, _, file, beside, _ := adaptedRun(t)
	writeAdapter(t, file, filepath.Join(dir, "adapters", "second"), adapter.Beside, 7)
	url := serveModel(t, file, "--adapter", "first="+beside+"=0.5", "--adapters", filepath.Join(dir, "adapters"))
	ask := func(model string) string {
		var got completion
		post(t, url+"/v1/completions", fmt.Sprintf(`{"model":%q,"prompt":"The cat","max_tokens":24,"temperature":0}`, model), &got)
		return "The cat" + got.Choices[0].Text + "\n"
	}
	if got, want := ask("m"), continued(t, file); got != want {
		t.Errorf("the model: %q, want %q", got, want)
	}
	if got, want := ask("first"), continued(t, file, "--adapter", beside+"=0.5"); got != want {
		t.Errorf("an adapter: %q, want %q", got, want)
	}
	var status struct{ Status string }
	post(t, url+"/v1/load_lora_adapter", `{"lora_name":"new","lora_path":"second"}`, &status)
	if got, want := ask("new"), continued(t, file, "--adapter", filepath.Join(dir, "adapters", "second")); got != want {
		t.Errorf("a new adapter: %q, want %q", got, want)
	}
	var list struct{ Data []struct{ ID, Parent string } }
	if err := json.Unmarshal([]byte(text(t, url+"/v1/models")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Data) != 3 || list.Data[2].ID != "new" || list.Data[2].Parent != "m" {
		t.Errorf("the models are %+v", list.Data)
	}
	post(t, url+"/v1/unload_lora_adapter", `{"lora_name":"new"}`, &status)
	for body, want := range map[string]int{
		`{"lora_name":"x","lora_path":"../m.gguf"}`: http.StatusForbidden, `{"lora_name":"x","lora_path":"nowhere"}`: http.StatusBadRequest,
		`{"lora_name":"x","lora_path":"/etc"}`: http.StatusForbidden, `{"lora_name":"first","lora_path":"second"}`: http.StatusBadRequest,
		`{"lora_name":"x","lora_path":"inside"}`: http.StatusBadRequest, `{"lora_name":"x","lora_path":"."}`: http.StatusForbidden,
		`{"lora_name":"x","lora_path":"second","base_model_name":"nobody"}`: http.StatusNotFound,
	} {
		if status, answer := refused(t, url+"/v1/load_lora_adapter", body); status != want || strings.Contains(answer, dir) {
			t.Errorf("%s: status %d, want %d: %s", body, status, want, answer)
		}
	}
	if status, _ := refused(t, url+"/v1/completions", `{"model":"new","prompt":"a"}`); status != http.StatusNotFound {
		t.Errorf("an unloaded adapter: status %d", status)
	}
}

// TestServeAdaptersNeedsAFolder refuses to load adapters where no folder of them is named.
func TestServeAdaptersNeedsAFolder(t *testing.T) {
	_, _, file, beside, _ := adaptedRun(t)
	url := serveModel(t, file, "--adapter", "first="+beside)
	for address, body := range map[string]string{
		"load": fmt.Sprintf(`{"lora_name":"x","lora_path":%q}`, beside), "unload": `{"lora_name":"first"}`,
	} {
		status, answer := refused(t, url+"/v1/"+address+"_lora_adapter", body)
		if status != http.StatusForbidden || !strings.Contains(answer, "folder of them") {
			t.Errorf("%s: status %d, %s", address, status, answer)
		}
	}
}

// refused posts a body and returns the status of the answer and its text.
func refused(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestConvertAdapters turns a folder of PEFT into a GGUF file and back.
func TestConvertAdapters(t *testing.T) {
	dir, _, file, beside, inside := adaptedRun(t)
	gguf, again := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "again")
	mustTrit(t, "convert", beside, gguf, "--base", file)
	mustTrit(t, "convert", gguf, again, "--base", file)
	tuned := continued(t, file, "--adapter", beside)
	if continued(t, file, "--adapter", gguf) != tuned || continued(t, file, "--adapter", again) != tuned {
		t.Error("the converted adapters compute something else")
	}
	for want, args := range map[string][]string{"--force": {beside, gguf}, "merge it": {inside, filepath.Join(dir, "b.gguf")}} {
		code, _, stderr := trit(append(append([]string{"convert"}, args...), "--base", file)...)
		if code == cmdline.ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}
