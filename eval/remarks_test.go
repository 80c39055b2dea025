package eval

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
	"trit/tokenizer"
)

// remarksOf runs a task of a folder, and returns its remarks, the lines of the report that are
// not the table's, and those of results.json.
func remarksOf(t *testing.T, m *evaltest.Model, o Options, dir string) (Remarks, string) {
	t.Helper()
	o.Out, o.Replace = filepath.Join(dir, "out"), true
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	name := o.Tasks[0].Name
	b, err := os.ReadFile(filepath.Join(o.Out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		Trit struct{ Remarks map[string]Remarks }
	}
	if err := json.Unmarshal(b, &written); err != nil || !reflect.DeepEqual(written.Trit.Remarks, r.Remarks) {
		t.Errorf("results.json has %+v (%v), want %+v", written.Trit.Remarks, err, r.Remarks)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(r.RemarkLines(), "\n")
	if !strings.HasSuffix(text.String(), lines+"\n") && lines != "" {
		t.Errorf("the last lines of\n%s\nare not\n%s", text.String(), lines)
	}
	return r.Remarks[name], lines
}

func TestCutRequestsAreCounted(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"c.jsonl": `{"q":"short","c":["a","b"],"g":0}` + "\n" + fmt.Sprintf(`{"q":"%s","c":["a","bcd"],"g":0}`, strings.Repeat("x", 80)) + "\n",
		"c.json":  `{"name":"choices","data":"c.jsonl","context":"{q}:","choices":"c","gold":"g"}`,
		"g.jsonl": `{"q":"short","a":"b"}` + "\n" + fmt.Sprintf(`{"q":"%s","a":"b"}`, strings.Repeat("x", 80)) + "\n",
		"g.json":  `{"name":"text","data":"g.jsonl","context":"{q}:","target":"{a}","max_gen_toks":16}`,
		"r.jsonl": `{"q":"` + strings.Repeat("x", 200) + `"}` + "\n",
		"r.json":  `{"name":"rolling","data":"r.jsonl","text":"{q}","metrics":["bits_per_byte"]}`,
	})
	for _, c := range []struct {
		file     string
		requests int
		cut      int
		tokens   int // the most that one request loses
		strict   string
	}{
		// BOS, 80 x, a colon, a space and 3 letters, less the last: 85 of 64.
		{"c.json", 4, 2, 21, "document 1: the context and choice 0 have 83 tokens before the last: the context length is 64"},
		// BOS, 80 x and a colon: 82 of 64-16.
		{"g.json", 2, 1, 34, "document 1: the prompt has 82 tokens and the answer up to 16: the context length is 64"},
		{"r.json", 4, 0, 0, ""},
	} {
		m, o := options(t, filepath.Join(dir, c.file))
		name := o.Tasks[0].Name
		got, lines := remarksOf(t, m, o, dir)
		if got.Requests != c.requests || got.CutRequests != c.cut || got.CutTokens != c.tokens {
			t.Errorf("%s: %+v, want %d of %d requests cut by up to %d tokens", name, got, c.cut, c.requests, c.tokens)
		}
		want := fmt.Sprintf("%s: %d of %d requests were cut on the left to fit into the context of 64 tokens, by up to %d tokens", name, c.cut, c.requests, c.tokens)
		if strings.Contains(lines, want) != (c.cut > 0) || strings.Contains(lines, "were cut") != (c.cut > 0) {
			t.Errorf("%s: the lines are %q", name, lines)
		}
		o.StrictLength = true
		m.Batches = nil
		_, err := Run(t.Context(), m, o)
		if c.strict == "" && err != nil || c.strict != "" && (err == nil || !strings.Contains(err.Error(), "task "+name+": "+c.strict)) {
			t.Errorf("%s, strict: %v, want %q", name, err, c.strict)
		}
		if c.strict != "" && len(m.Batches) > 0 {
			t.Errorf("%s, strict: the model was asked before the error", name)
		}
	}
}

func TestAnswersAreCounted(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"q.jsonl": `{"q":"1","a":"1"}` + "\n" + `{"q":"2","a":"2"}` + "\n" + `{"q":"3","a":"3"}` + "\n" + `{"q":"4","a":"4"}` + "\n",
		"t.yaml": `
name: sums
data: q.jsonl
context: "{q}"
target: "{a}"
until: ["Q:"]
max_gen_toks: 12
filters:
  - {name: strict, regex: '#### ([0-9]+)'}
  - {name: last, regex: '([0-9])|(z)', group_select: -1, fallback: none}
exact_match: {}
`})
	m, o := options(t, filepath.Join(dir, "t.yaml"))
	o.Tasks[0].Answers.Remark = func(text string) string {
		if strings.Contains(text, "!") {
			return "shout"
		}
		return ""
	}
	// The second one is as long as an answer may be; the fourth one ends just there.
	m.Answers = map[byte]string{'1': "#### 1", '2': "eleven eleven eleven", '3': "it is 3!", '4': "#### 4 abcQ: more"}
	got, lines := remarksOf(t, m, o, dir)
	want := &AnswerRemarks{
		Count: 4, EndedByLength: 1, MaxTokens: 12, Invalid: map[string]int{"strict": 2, "last": 1}, InvalidForAll: 1,
		Noted: map[string]int{"shout": 1},
	}
	if !reflect.DeepEqual(got.Answers, want) {
		t.Errorf("answers %+v, want %+v", got.Answers, want)
	}
	for _, line := range []string{
		"sums: 1 of 4 answers ended by their length of 12 tokens",
		"sums: of 4 answers, those without anything that a filter reads: 1 for last, 2 for strict, 1 for every filter", "sums: 1 of 4 answers shout",
	} {
		if !strings.Contains(lines, line) {
			t.Errorf("the lines %q lack %q", lines, line)
		}
	}
	m.Answers = map[byte]string{'1': "#### 1", '2': "#### 2", '3': "#### 3", '4': "#### 4"}
	if got, lines := remarksOf(t, m, o, dir); lines != "" || got.Answers.Count != 4 {
		t.Errorf("where all is well: %+v, %q", got, lines)
	}
}

// An answer of the length that it may have ended by length only if nothing else ended it.
func TestEndedByLength(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	e := newEncoder(tok, 64)
	g, _, err := e.generation("x", []string{"Q:"}, 6)
	if err != nil {
		t.Fatal(err)
	}
	r := &request{until: []string{"Q:"}, generate: g}
	for text, want := range map[string]bool{"abcdef": true, "abcde": false, "abcdQ:": false, "aQ:def": false, "abcdeQ": true} {
		if got := e.endedByLength(tok.Encode(text, false), r); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if e.endedByLength(append(tok.Encode("abcde", false), tok.EOS()), r) {
		t.Error("an end of text is not seen")
	}
}

// withTemplate is evaltest.Tokenizer with a chat template.
func withTemplate(t *testing.T, template string) *tokenizer.Tokenizer {
	t.Helper()
	files, err := evaltest.Tokenizer(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(files["tokenizer_config.json"], &config); err != nil {
		t.Fatal(err)
	}
	config["chat_template"] = template
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(files["tokenizer.json"], b)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTemplatesThatDoNotFit(t *testing.T) {
	const begin, end = "{% for m in messages %}<{{ m.role }}>", "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
	rows := `{"q":"one \n","c":["x","y"],"g":0}` + "\n" + `{"q":"two","c":["v","w"],"g":1}` + "\n"
	dir := evaltest.Write(t, map[string]string{
		"q.jsonl": rows,
		"t.json":  `{"name":"t","data":"q.jsonl","context":"{q}","choices":"c","gold":"g","num_fewshot":1,"fewshot":{"examples":[{"q":"e","c":["m","n"],"g":1}]}}`,
	})
	for _, c := range []struct {
		name, template string
		want           TemplateRemarks
		line           string
	}{
		{"fits", begin + "{{ m.content }}" + end, TemplateRemarks{Prompts: 2}, ""},
		{"trims", begin + "{{ m.content | trim }}" + end, TemplateRemarks{Prompts: 2, Trimmed: 1}, "takes spaces or line breaks off the ends of messages in 1 of 2 prompts"},
		{"drops examples", "<{{ messages[-1].role }}>{{ messages[-1].content }}<assistant>", TemplateRemarks{Prompts: 2, Changed: 2, NoGenerationPrompt: true}, "leaves out or changes text of the task in 2 of 2 prompts"},
		{"changes", begin + "{{ m.content | replace('w', 'W') }}" + end, TemplateRemarks{Prompts: 2, Changed: 1}, "in 1 of 2 prompts"},
		{"no place to speak", begin + "{{ m.content }}{% endfor %}", TemplateRemarks{Prompts: 2, NoGenerationPrompt: true}, "does not say where the assistant is to speak"},
	} {
		m, o := options(t, filepath.Join(dir, "t.json"))
		o.Tokenizer, o.ApplyChatTemplate, o.FewshotMultiturn = withTemplate(t, c.template), true, true
		got, lines := remarksOf(t, m, o, dir)
		if got.Template == nil || *got.Template != c.want || !strings.Contains(lines, c.line) || (lines == "") != (c.line == "") {
			t.Errorf("%s: %+v and %q, want %+v and %q", c.name, got.Template, lines, c.want, c.line)
		}
	}
	m, o := options(t, filepath.Join(dir, "t.json"))
	o.Tokenizer, o.ApplyChatTemplate, o.FewshotMultiturn = withTemplate(t, "{% if messages | length > 1 %}{{ raise_exception('one turn') }}{% endif %}"+begin+end), true, true
	if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), "task t: document 0: ") || !strings.Contains(err.Error(), "one turn") ||
		!strings.Contains(err.Error(), "turn Options.FewshotMultiturn off") {
		t.Errorf("a template that refuses examples: %v", err)
	}
	o.Tokenizer, o.ApplyChatTemplate, o.FewshotMultiturn = evaltest.Tokenizer(t), false, false
	if got, _ := remarksOf(t, m, o, dir); got.Template != nil {
		t.Errorf("without a template: %+v", got.Template)
	}
}

// Examples of the tested file leave the document itself out, however the file is named; one that
// other documents repeat is counted.
func TestOwnExamples(t *testing.T) {
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"q":"question %d","c":["a","b"],"g":0,"id":%d}`+"\n", i, i)
		}
		return b.String()
	}
	const head = `{"name":"own","context":"{q}:","choices":"c","gold":"g","num_fewshot":2,"data":"test.jsonl"`
	dir := evaltest.Write(t, map[string]string{
		"test.jsonl": rows(3), "copy.jsonl": strings.ReplaceAll(rows(3), `"id":`, `"id":1`),
		"same.json": head + `,"fewshot":{"data":"test.jsonl"}}`, "copy.json": head + `,"fewshot":{"data":"copy.jsonl"}}`,
	})
	for file, want := range map[string]bool{"same.json": false, "copy.json": true} {
		m, o := options(t, filepath.Join(dir, file))
		got, lines := remarksOf(t, m, o, dir)
		if (got.OwnExamples > 0) != want || got.Questions != 3 || strings.Contains(lines, "of 3 questions stand among the examples") != want {
			t.Errorf("%s: %+v, %q", file, got, lines)
		}
	}
}
