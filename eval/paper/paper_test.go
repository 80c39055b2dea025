package paper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
)

// results is a folder of results of five tasks with twenty documents, of which the first right ones are right.
func results(t *testing.T, model string, right int, text string) string {
	files := map[string]string{}
	var metrics, shots []string
	for task := range 5 {
		name, samples := fmt.Sprintf("mmlu_%d", task), ""
		for i := range 20 {
			acc := 0
			if i < right {
				acc = 1
			}
			samples += fmt.Sprintf(`{"doc_id":%d,"doc_hash":"h%d","prompt_hash":"%s","target":"0","arguments":{"gen_args_0":{"arg_0":%q,"arg_1":" yes"}},"filtered_resps":[["-1.0","False"]],"filter":"none","metrics":["acc"],"acc":%d.0}`+"\n", i, i, model, text, acc)
		}
		files["samples_"+name+".jsonl"] = samples
		metrics = append(metrics, fmt.Sprintf(`%q:{"acc,none":%g,"acc_stderr,none":0.1}`, name, float64(right)/20))
		shots = append(shots, fmt.Sprintf(`%q:5`, name))
	}
	files["results.json"] = fmt.Sprintf(`{"model_name":%q,"date":1000000000,"n-shot":{%s},"results":{%s},"trit":{"made":{"command":"trit eval m.gguf"}}}`, model, strings.Join(shots, ","), strings.Join(metrics, ","))
	return evaltest.Write(t, files)
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	attack := "<script>alert(1)</script> ```` | x"
	if err := Write(dir, "A <b>title</b> & 5 %", results(t, "one_model", 20, attack), results(t, "<two>", 8, attack)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"report.html": {"A &lt;b&gt;title&lt;/b&gt;", "&lt;script&gt;alert(1)", "0.4000 ± 0.1124 [0.2188, 0.6134]", "[0.8389, 1.0000]", "class=\"error\"", "mmlu: acc, by task", "rgb(37 99 235 / 70%)", "the prompts of 20 of 20 documents differ", "trit eval m.gguf", "2001-09-09", "SHA-256 "},
		"report.md":   {"# A &lt;b&gt;title", "`````text", "mmlu\\_3", "0.4000 ± 0.1124", "the prompts of 20 of 20"},
		"report.tex":  {`mmlu\_0 & acc & 5 & \textbf{1.0000} $\pm$ 0.0000 & 0.4000 $\pm$ 0.1124 \\`, `one\_model & \textless{}two\textgreater{}`, `\bottomrule`},
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(string(b), text) {
				t.Errorf("%s lacks %q", name, text)
			}
		}
		if name == "report.html" && strings.Contains(string(b), "<script") {
			t.Error("a text of the model is a script of the page")
		}
	}
	if err := Write(dir, "x", t.TempDir()); err == nil {
		t.Error("an empty folder is no result")
	}
}

func TestTexEscapes(t *testing.T) {
	if got := tex(`a_b \input{x} 5% $ # & ~^`); got != `a\_b \textbackslash{}input\{x\} 5\% \$ \# \& \textasciitilde{}\textasciicircum{}` {
		t.Error(got)
	}
}
