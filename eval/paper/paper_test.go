package paper

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
	"trit/eval/seeds"
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

// windows is a folder with the results of a perplexity task of 20 windows of 255 tokens, with these nats a token.
func windows(t *testing.T, model string, nats float64) string {
	samples := ""
	for i := range 20 {
		sum := -255 * (nats + float64(i%2)/10)
		samples += fmt.Sprintf(`{"doc_id":%d,"doc":{"tokens":255},"doc_hash":"h%d","target":"","arguments":{"gen_args_0":{"arg_0":""}},"filtered_resps":["%g"],"filter":"none","metrics":["loss","perplexity"],"loss":[%g,255],"perplexity":[%g,255]}`+"\n", i, i, sum, sum, sum)
	}
	loss := nats + 0.05
	return evaltest.Write(t, map[string]string{
		"samples_llama_ppl_wikitext2.jsonl": samples,
		"results.json": fmt.Sprintf(`{"model_name":%q,"n-shot":{"llama_ppl_wikitext2":0},"n-samples":{"llama_ppl_wikitext2":{"original":20,"effective":20}},
			"results":{"llama_ppl_wikitext2":{"loss,none":%g,"loss_stderr,none":0.0115,"perplexity,none":%g,"perplexity_stderr,none":0.1}}}`, model, loss, math.Exp(loss)),
	})
}

// The spread between seeds is shown for the models that have one.
func TestSeeds(t *testing.T) {
	dir, a := t.TempDir(), results(t, "one_model", 20, "x")
	spread := seeds.Spread{Task: "mmlu_0", Metric: "acc,none", Seeds: []uint32{1234, 7}, Scores: []float64{1, 0.5}, Mean: 0.75, Deviation: 0.3536}
	if err := seeds.Write(a, []seeds.Spread{spread}); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, "x", a, results(t, "b", 20, "x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"report.html": "<h2>one_model, by seed of few-shot examples</h2>",
		"report.md":   "## one\\_model, by seed of few-shot examples\n\n| task | metric | seed 1234 | seed 7 |",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Count(string(b), want) != 1 || strings.Count(string(b), "by seed of") != 1 || !strings.Contains(string(b), "± 0.3536") {
			t.Errorf("%s, %v: %s", name, err, b)
		}
	}
}

// A perplexity has its error, is better where it is lower, is compared by window, and gives no examples.
func TestPerplexity(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, "Perplexity", windows(t, "a", 2), windows(t, "b", 2.1)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"report.html": {"7.7679 ± 0.1000 [7.5719, 7.9639]", "8.5849 ± 0.1000", "paired z of log-likelihoods", "<td>20</td>"},
		"report.md":   {"| llama\\_ppl\\_wikitext2 | perplexity | 0 | 20 | 7.7679 ± 0.1000", "paired z of log-likelihoods | 20 | 20 | 0 |"},
		"report.tex":  {`llama\_ppl\_wikitext2 & perplexity & 0 & \textbf{7.7679} $\pm$ 0.1000 & 8.5849 $\pm$ 0.1000 \\`, `\textbf{2.0500}`},
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
		if strings.Contains(string(b), ": document 0") {
			t.Errorf("%s has a window as an example", name)
		}
	}
}
