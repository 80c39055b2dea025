package tasks

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

// The cases of public reports, with a model that answers as models of chats do.

// ask runs a task on one document, and returns its results and the text of the report.
func ask(t *testing.T, name, file, row, answer string) (eval.Metrics, string) {
	t.Helper()
	found, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	found[0].Fewshot = eval.Fewshot{Fixed: true}
	m, o := options(t, found...)
	m.Context, m.Answers = 1400, map[byte]string{'!': answer, ':': answer}
	o.DataDir, o.AllowPartial, o.MaxTokens = evaltest.Write(t, map[string]string{file: row}), true, 600
	o.Sandbox, o.Out = &sandbox{word: "def f(x):\n    return 2"}, filepath.Join(o.DataDir, "out")
	r, err := eval.Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	return r.Results[name], text.String()
}

// compareRows checks results by name, and that each has a row.
func compareRows(t *testing.T, got eval.Metrics, table string, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		metric, filter, _ := strings.Cut(name, ",")
		row := ""
		for line := range strings.Lines(table) {
			if strings.Contains(line, " "+filter+" ") && strings.Contains(line, " "+metric+" ") {
				row = line
			}
		}
		if v, ok := got[name]; !ok || v != value || !strings.Contains(row, fmt.Sprintf("%.4f", value)) {
			t.Errorf("%s is %g (%v), want %g, and the row %q", name, v, ok, value, row)
		}
	}
}

// Case 19: code in a fence scores nothing by the harness's rule, which stays; the named
// variant reads it, and the strict task says so.
func TestFencedAnswersHaveATask(t *testing.T) {
	const row = `{"task_id":"x/1","prompt":"def f(x):\n    '''two'''!","test":"def check(c): pass","entry_point":"f"}`
	const answer = "Here is the code:\n\n```python\ndef f(x):\n    return 2\n```\nIt returns 2."
	got, text := ask(t, "humaneval", "HumanEval.jsonl", row, answer)
	compareRows(t, got, text, map[string]float64{"pass@1,create_test": 0})
	if !strings.Contains(text, "humaneval: 1 of 1 answers have a code fence") || !strings.Contains(text, "_fenced") {
		t.Errorf("nothing says that there are fences: %s", text)
	}
	got, text = ask(t, "humaneval_fenced", "HumanEval.jsonl", row, answer)
	compareRows(t, got, text, map[string]float64{"pass@1,fenced-code": 1})
}

// Case 20: a boxed answer scores nothing by the harness's rule, which stays; a filter reads it.
func TestBoxedAnswersHaveAFilter(t *testing.T) {
	const row = `{"problem":"What is a half?","solution":"It is $\\boxed{\\frac{1}{2}}$."}`
	got, text := ask(t, "math500", "math500_test.jsonl", row, ` We get $\boxed{0.5}$.`)
	compareRows(t, got, text, map[string]float64{"exact_match,none": 0, "exact_match,boxed-value": 1})
}

// The last number of GSM8K, with a unit and decimals.
func TestLastNumberHasAFilter(t *testing.T) {
	const row = `{"question":"How much?","answer":"9*2\n#### 1,018"}`
	got, text := ask(t, "gsm8k", "gsm8k_test.jsonl", row, " She has 1,018.00 dollars in 2 accounts, that is $1018.00 (dollars)")
	compareRows(t, got, text, map[string]float64{
		"exact_match,strict-match": 0, "exact_match,flexible-extract": 0, "exact_match,last-number-value": 1,
	})
}
