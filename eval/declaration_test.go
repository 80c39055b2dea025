package eval

import (
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
)

const soundTask = `{"name":"n","data":"d.jsonl","context":"{q}","choices":"c","gold":"g"}`

func TestDeclarationsAreRefused(t *testing.T) {
	generation := `{"name":"n","data":"d.jsonl","context":"{q}","target":"{a}"`
	for text, want := range map[string]string{
		`{"name":"n","data":"d","context":"c","choices":"c","gold":"g","colour":1}`: `there is no field "colour": want one of name, description, version, data, `,
		`{"data":"d","context":"c","choices":"c","gold":"g"}`:                       "name and data",
		`{"name":"n","context":"c","choices":"c","gold":"g"}`:                       "name and data",
		`{"name":"n","data":"d","context":"c"}`:                                     "want one of the fields choices",
		generation + `,"text":"t"}`:                                                 "want one of the fields choices",
		`{"name":"n","data":"d","target":"t"}`:                                      "the context",
		`{"name":"n","data":"d","context":"c","choices":"c"}`:                       "choices and gold",
		generation + `,"gold":"g"}`:                                                 "choices and gold",
		`{"name":"n","data":"d","context":"c","choices":3,"gold":"g"}`:              "name of a field",
		soundTask[:len(soundTask)-1] + `,"until":["x"]}`:                            "for tasks with a target",
		soundTask[:len(soundTask)-1] + `,"metrics":["f1"]}`:                         "f1",
		soundTask[:len(soundTask)-1] + `,"metrics":["acc","acc"]}`:                  "each once",
		soundTask[:len(soundTask)-1] + `,"rows":-1}`:                                "negative",
		soundTask[:len(soundTask)-1] + `,"fewshot":{"sampler":"best"}}`:             "sampler",
		soundTask[:len(soundTask)-1] + `,"fewshot":{"data":"d","examples":[{}]}}`:   "not both",
		soundTask[:len(soundTask)-1] + `,"fewshot":{"examples":[3]}}`:               "example 1",
		soundTask + soundTask:                                                       "follows",
		`{"name":"n","data":"d","text":"{t}","num_fewshot":1}`:                      "neither context nor examples",
		`{"name":"n","data":"d","text":"{t"}`:                                       "no field in braces",
		`{"name":"n","data":"d","text":"a } b"}`:                                    "no field in braces",
		`{"name":"n","data":"d","text":"{two words}"}`:                              "no field in braces",
		`{"name":"n","data":"d","text":"{{page}}"}`:                                 "Jinja",
		generation + `,"filters":[{"name":"a","regex":"("}]}`:                       "regular expression",
		generation + `,"filters":[{"regex":"x"}]}`:                                  "number 1",
		generation + `,"filters":[{"name":"a,b","regex":"x"}]}`:                     "without commas",
		generation + `,"exact_match":{"regexes_to_ignore":["*"]}}`:                  "regular expression",
		generation + `,"exact_match":{"ignore_colour":true}}`:                       `there is no field "ignore_colour": want one of name,`,
		generation + `,"until":["x",""]}`:                                           "first token",
		generation + `,"fewshot_delimiter":""}`:                                     "first token",
		generation + `,"filters":[{"name":"a","regex":"\\p{L}"}]}`:                  `the escape \p`,
		generation + `,"filters":[{"name":"a","regex":"(?<n>a)"}]}`:                 "is not Python's",
		generation + `,"filters":[{"name":"a","regex":"(?P=n)"}]}`:                  "no group",
		generation + `,"filters":[{"name":"a","regex":"(?P<n"}]}`:                   "no end of its name",
		generation + `,"metrics":["acc"]}`:                                          "acc",
		`[]`:                                                                        "want an object {...}, found a list",
	} {
		d, err := parseDeclaration([]byte(text), false)
		if err == nil {
			_, err = d.task(t.TempDir())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", text, err, want)
		}
	}
	for text, want := range map[string]string{"name: [": "yaml", "name: n\ncolour: 1\n": "colour", "1: 2\n": "YAML"} {
		if _, err := parseDeclaration([]byte(text), true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
	path := evaltest.Write(t, map[string]string{"big.json": strings.Repeat(" ", maxTaskBytes+1)}) + "/big.json"
	if _, err := ReadTask(path); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a large file: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	doc, err := parseDocument([]byte(`{"a":"x{y}","n":3}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"": "", "{a}": "x{y}", "{{}} {a}-{n}.": "{} x{y}-3.", "\\boxed{{{n}}}": "\\boxed{3}"} {
		tmpl, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := tmpl.fill(NewFields(doc)); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	tmpl, _ := parseTemplate("{z}")
	r := NewFields(doc)
	if tmpl.fill(r); r.Err() == nil || !strings.Contains(r.Err().Error(), `"z"`) {
		t.Errorf("a field that is not there: %v", r.Err())
	}
}

func FuzzParseDeclaration(f *testing.F) {
	f.Add([]byte(soundTask), false)
	f.Add([]byte("name: n\ndata: d\ntext: '{t}'\n"), true)
	f.Add([]byte(`{"name":"n","data":"d","context":"{q}","target":"{a}","filters":[{"name":"f","regex":"(a)|b","group_select":-1}]}`), false)
	f.Fuzz(func(t *testing.T, b []byte, isYAML bool) {
		d, err := parseDeclaration(b, isYAML)
		if err != nil {
			return
		}
		task, err := d.task(".")
		if err != nil {
			return
		}
		if task.Name == "" || task.Kind == "" || task.Ask == nil || task.Kind == Generation && task.Answers.Judge == nil {
			t.Errorf("%q makes half a task: %+v", b, task)
		}
	})
}
