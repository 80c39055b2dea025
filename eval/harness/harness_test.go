package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

// vectors are what the harness makes of the files in testdata.
type vectors struct {
	Train, Test []json.RawMessage
	Tasks       []struct {
		File    string
		Args    []json.RawMessage // a number of a document and texts
		Right   [][]float64
		Until   []string
		Answers []string
		Results map[string][]*json.RawMessage // by filter: an answer and its score
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func lines(docs []json.RawMessage) string { return string(bytes.Join(toBytes(docs), []byte("\n"))) }

func toBytes(docs []json.RawMessage) (out [][]byte) {
	for _, d := range docs {
		out = append(out, d)
	}
	return out
}

// TestPrompts compares the requests of each file with the harness's.
func TestPrompts(t *testing.T) {
	v := readVectors(t)
	dir := evaltest.Write(t, map[string]string{"train.jsonl": lines(v.Train), "test.jsonl": lines(v.Test)})
	for _, want := range v.Tasks {
		task, err := readOne(filepath.Join("testdata", want.File))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		got := asked(t, *task, dir)
		if len(got) != len(want.Args) {
			t.Errorf("%s: %d requests, the harness has %d", want.File, len(got), len(want.Args))
			continue
		}
		for i, w := range want.Args {
			if !reflect.DeepEqual(decoded(t, got[i]), decoded(t, w)) {
				t.Errorf("%s: request %d\n is %s\nwant %s", want.File, i, got[i], w)
			}
		}
		if until := task.Answers.Until; want.Until != nil && !slices.Equal(until, want.Until) {
			t.Errorf("%s: until is %q, want %q", want.File, until, want.Until)
		}
	}
}

func decoded(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// asked runs a task and returns its requests, from the file of its samples.
func asked(t *testing.T, task eval.Task, dir string) (out []json.RawMessage) {
	t.Helper()
	tok := evaltest.Tokenizer(t)
	o := eval.Options{Tokenizer: tok, Tasks: []eval.Task{task}, DataDir: dir, NumFewshot: -1, Out: t.TempDir(), ModelName: "m"}
	if _, err := eval.Run(context.Background(), &evaltest.Model{Tokenizer: tok, Context: 4096}, o); err != nil {
		t.Fatalf("%s: %v", task.Name, err)
	}
	files, _ := filepath.Glob(filepath.Join(o.Out, "*", "samples_*"))
	more, _ := filepath.Glob(filepath.Join(o.Out, "samples_*"))
	f, err := os.Open(append(files, more...)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct {
			ID        int                        `json:"doc_id"`
			Filter    string                     `json:"filter"`
			Arguments map[string]json.RawMessage `json:"arguments"`
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if task.Kind == eval.Generation && line.Filter != task.Answers.Filters[0].Name {
			continue
		}
		for i := range len(line.Arguments) {
			out = append(out, request(t, line.ID, line.Arguments[fmt.Sprintf("gen_args_%d", i)]))
		}
	}
	return out
}

// request is a request in the form of the vectors.
func request(t *testing.T, id int, args json.RawMessage) json.RawMessage {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(args, &all); err != nil {
		t.Fatal(err)
	}
	var texts []any
	for i := range len(all) {
		if s, ok := all[fmt.Sprintf("arg_%d", i)].(string); ok {
			texts = append(texts, s)
		}
	}
	b, err := json.Marshal([]any{id, texts})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAnswers compares which choices are right, and what filters and exact_match make of answers,
// with the harness.
func TestAnswers(t *testing.T) {
	v := readVectors(t)
	var docs []eval.Document
	for _, d := range v.Test {
		var doc eval.Document
		if err := json.Unmarshal(d, &doc); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	for _, want := range v.Tasks {
		task, err := readOne(filepath.Join("testdata", want.File))
		if err != nil {
			t.Fatal(err)
		}
		for i, doc := range docs {
			q, err := task.Question(doc)
			if err != nil {
				t.Fatalf("%s: %v", want.File, err)
			}
			if want.Right != nil {
				checkRight(t, want.File, &q, want.Right[i])
			}
			for _, f := range task.Answers.Filters {
				if rows := want.Results[f.Name]; rows != nil {
					n := len(want.Answers)
					checkFilter(t, task, f, &q, want.Answers, rows[i*n:(i+1)*n])
				}
			}
		}
	}
}

func checkRight(t *testing.T, file string, q *eval.Question, want []float64) {
	t.Helper()
	for j, w := range want {
		right := j == q.Gold
		if q.Right != nil {
			right = q.Right[j]
		}
		if right != (w == 1) {
			t.Errorf("%s: %q: choice %d is right: %v, want %v", file, q.Contexts[0], j, right, w)
		}
	}
}

func checkFilter(t *testing.T, task *eval.Task, f eval.Filter, q *eval.Question, answers []string, rows []*json.RawMessage) {
	t.Helper()
	for i, row := range rows {
		if row == nil {
			continue
		}
		var want []any
		if err := json.Unmarshal(*row, &want); err != nil {
			t.Fatal(err)
		}
		got := f.Apply(q, answers[i])
		verdict, err := task.Answers.Judge(context.Background(), nil, q, got)
		if err != nil || got != want[0] || verdict.Score != want[1] {
			t.Errorf("%s, filter %s, answer %q: %q scores %v (%v), want %v", task.Name, f.Name, answers[i], got, verdict.Score, err, want)
		}
	}
}

// wholeTask is a whole task, to which tests add keys.
const wholeTask = `
task: t
dataset_path: owner/set
test_split: test
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
`

func readText(t testing.TB, text string) (*eval.Task, error) {
	t.Helper()
	return readOne(filepath.Join(evaltest.Write(t, map[string]string{"t.yaml": text}), "t.yaml"))
}

// TestRefused has a file for each thing that is not read, and a part of the error that names it.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ add, want string }{
		"a function":            {"process_docs: !function utils.process", "process_docs: !function utils.process is code in Python"},
		"a template function":   {"doc_to_text: !function utils.text", "doc_to_text: !function utils.text is code"},
		"a metric's function":   {"metric_list: [{metric: exact_match, aggregation: !function utils.f1}]", "aggregation: !function utils.f1"},
		"a key":                 {"doc_to_texts: x", "the key doc_to_texts is not known"},
		"a group":               {"group: many", "group many: task is \"t\": want a list of members"},
		"a class":               {"class: Squad", "class: the task is written in Python"},
		"a kind":                {"output_type: greedy_until", "output_type is \"greedy_until\": want one of"},
		"a metric":              {"metric_list: [{metric: bleu}]", "the metric bleu is not computed here"},
		"a metric of a kind":    {"metric_list: [{metric: acc}]", "the metric acc is not computed here for generate_until"},
		"a metric's key":        {"metric_list: [{metric: exact_match, average: macro}]", "the key average is not read"},
		"an aggregation":        {"metric_list: [{metric: exact_match, aggregation: median}]", "aggregation is \"median\": want mean"},
		"a direction":           {"metric_list: [{metric: exact_match, higher_is_better: false}]", "higher_is_better is false: want true"},
		"a metric twice":        {"metric_list: [{metric: exact_match}, {metric: exact_match}]", "exact_match comes twice"},
		"a filter":              {"filter_list: [{name: n, filter: [{function: format_span}]}]", "the filter format_span is not known"},
		"a filter's key":        {"filter_list: [{name: n, filter: [{function: regex, flags: i}, {function: take_first}]}]", "the key flags"},
		"a list of answers":     {"filter_list: [{name: n, filter: [{function: lowercase}]}]", "want take_first"},
		"a filter of choices":   {"output_type: multiple_choice\ndoc_to_choice: [a, b]\nfilter_list: [{name: n, filter: [{function: take_first}]}]", "has no text to filter"},
		"a map without default": {"filter_list: [{name: n, filter: [{function: map, mapping_dict: {a: b}}, {function: take_first}]}]", "default_value is null"},
		"sampling":              {"generation_kwargs: {do_sample: true, temperature: 0.8}", "do_sample is true: answers are not sampled"},
		"a temperature":         {"generation_kwargs: {temperature: 0.8}", "temperature is 0.8"},
		"an option of sampling": {"generation_kwargs: {do_sample: false, top_p: 0.9}", "the key top_p"},
		"beams":                 {"generation_kwargs: {num_beams: 4}", "num_beams is 4"},
		"repeats":               {"repeats: 8", "repeats is 8: want 1"},
		"programs":              {"unsafe_code: true", "unsafe_code is true"},
		"a template that moves": {"description: \"About {{subject}}.\"", "description: it has Jinja in it"},
		"a wrong template":      {"doc_to_text: \"{{ q \"", "doc_to_text: template line 1: syntax error"},
		"a tag of transformers": {"doc_to_text: \"{% generation %}{% endgeneration %}\"", "unknown tag 'generation'"},
		"yes for a text":        {"output_type: multiple_choice\ndoc_to_choice: [no, yes]", "doc_to_choice is false: want a text"},
		"no choices":            {"output_type: multiple_choice", "doc_to_choice is needed"},
		"an address":            {"dataset_path: json\ndataset_kwargs: {data_files: {test: 'https://host/test.jsonl'}}", "is an address"},
		"a format":              {"dataset_path: csv\ndataset_kwargs: {data_files: {test: test.csv}}", "files of the kind csv are not read"},
		"a folder":              {"dataset_path: ./data", "is no set of the Hugging Face Hub"},
		"an argument of data":   {"dataset_kwargs: {revision: main}", "the key revision"},
		"a part of a split":     {"test_split: \"test[:10]\"", "no name of a split"},
		"indices":               {"fewshot_config: {fewshot_indices: [1]}", "fewshot_indices: the harness"},
		"a sampler":             {"fewshot_config: {sampler: balanced}", "sampler is \"balanced\": want default or first_n"},
		"a version":             {"metadata: {version: one}", "metadata.version is \"one\": want a number"},
		"promptsource":          {"use_prompt: promptsource:GPT", "use_prompt"},
		"a date":                {"task: 2020-01-02", "is a date"},
		"a merge key":           {"metadata: {<<: {version: 1}}", "the merge key"},
		"an absolute include":   {"include: /etc/tasks.yaml", "want a path from the file itself"},
	} {
		text := wholeTask
		for key := range strings.SplitSeq(c.add, "\n") { // a key of wholeTask gives way
			before, _, _ := strings.Cut(key, ":")
			text = without(text, before)
		}
		if _, err := readText(t, text+c.add); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func without(text, key string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, key+":") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestLimits has a file beyond each limit.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct{ add, want string }{
		"bytes":  {"metadata: {x: " + strings.Repeat("x", maxBytes) + "}", "a task file is at most 1048576"},
		"values": {"metadata: {x: [" + strings.Repeat("1,", maxValues) + "]}", "more than 100000 values"},
		"aliases": {"metadata: {a: &a [1,1,1,1,1,1,1,1,1,1], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]," +
			" d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]}", "more than 100000 values"},
		"depth": {"metadata: {x: " + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + "}", "more than 64 deep"},
	} {
		if _, err := readText(t, wholeTask+c.add); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	files := map[string]string{"loop.yaml": "include: loop.yaml\n"}
	for i := range maxFiles + 1 {
		files[fmt.Sprintf("f%d.yaml", i)] = fmt.Sprintf("include: f%d.yaml\n", i+1)
	}
	dir := evaltest.Write(t, files)
	for file, want := range map[string]string{"f0.yaml": "more than 32 files", "loop.yaml": "included twice"} {
		if _, err := Read(filepath.Join(dir, file), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

// TestSlowTemplate renders a template that would not end.
func TestSlowTemplate(t *testing.T) {
	text := "doc_to_text: \"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}\""
	task, err := readText(t, without(wholeTask, "doc_to_text")+text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.Question(eval.Document{{Name: "a", Value: "x"}}); err == nil || !strings.Contains(err.Error(), "more than 2000000 steps") {
		t.Errorf("got %v", err)
	}
}

// TestFirstDocument has what the harness decides by the first document of a set.
func TestFirstDocument(t *testing.T) {
	task, err := readText(t, wholeTask)
	if err != nil {
		t.Fatal(err)
	}
	doc := func(q, a string) eval.Document { return eval.Document{{Name: "q", Value: q}, {Name: "a", Value: a}} }
	for _, c := range []struct {
		first, doc eval.Document
		target     string
		targets    []string
		err        string
	}{
		{doc("1", "[1,2]"), doc("2", "['b']"), "b", []string{"b"}, ""},
		{doc("1", "x"), doc("2", "[1,2]"), "[1, 2]", nil, ""},
		{doc("1", "['x']"), doc("2", "b"), "", nil, "a list in the first document"},
		{doc("1", "x"), eval.Document{{Name: "q", Value: "2"}}, "", nil, `no field "a", which the first document has`},
	} {
		fitted := *task
		fitted.Fit(&fitted, c.first)
		q, err := fitted.Question(c.doc)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v after %v: got %v, want %q", c.doc, c.first, err, c.err)
			}
		case err != nil || q.Target != c.target || !slices.Equal(q.Targets, c.targets):
			t.Errorf("%v after %v: %q, %q, %v", c.doc, c.first, q.Target, q.Targets, err)
		}
	}
}

// TestIs tells the two forms of YAML files apart.
func TestIs(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"harness.yaml": wholeTask, "part.yaml": "include: other.yaml", "own.yaml": "name: n\ndata: d.jsonl\ncontext: '{q}'\ntarget: '{a}'", "no.yaml": "- 1",
	})
	for name, want := range map[string]bool{"harness.yaml": true, "part.yaml": true, "own.yaml": false, "no.yaml": false, "none.yaml": false} {
		if Is(filepath.Join(dir, name)) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

// TestYAML compares plain scalars with PyYAML's.
func TestYAML(t *testing.T) {
	m, err := parseYAML([]byte(`{a: yes, b: Off, c: 010, d: 1e5, e: 1.5e+3, f: 0x1F, g: 1_000, h: ~, i: "yes", j: .5, k: -.inf, l: 1., m: "", n: ,
 o: 0b11, p: +7, q: yEs, r: !!str 1, s: !!null null, a: last}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"a": "last", "b": false, "c": int64(8), "d": "1e5", "e": 1500.0, "f": int64(31), "g": int64(1000), "h": nil, "i": "yes", "j": 0.5,
		"l": 1.0, "m": "", "n": nil, "o": int64(3), "p": int64(7), "q": "yEs", "r": "1", "s": nil,
	} {
		if got, _ := m.get(key); got != want {
			t.Errorf("%s is %#v, want %#v", key, got, want)
		}
	}
}

// TestReplace compares regex_replace with re.sub of Python.
func TestReplace(t *testing.T) {
	for _, c := range []struct {
		text, pattern, repl string
		count               int
		want                string
	}{
		{"a1b22", `\d+`, "#", 0, "a#b#"},
		{"a1b22", `\d+`, "#", 1, "a#b22"},
		{"John Smith", `(\w+) (\w+)`, `\2, \1`, 0, "Smith, John"},
		{"ab", `(?P<x>a)`, `[\g<1>]\n`, 0, "[a]\nb"},
		{"abxd", "x*", "-", 0, "-a-b--d-"},
		{"a.b", `\.`, `\\ \.`, 0, `a\ \.b`},
	} {
		if got, err := regexReplace(c.text, c.pattern, c.repl, c.count); err != nil || got != c.want {
			t.Errorf("re.sub(%q, %q, %q, count=%d) is %q (%v), want %q", c.pattern, c.repl, c.text, c.count, got, err, c.want)
		}
	}
	for _, repl := range []string{`\q`, `\1`, `\g<x>`, `\`, `\012`} {
		if got, err := regexReplace("a", "a", repl, 0); err == nil {
			t.Errorf("the replacement %q gives %q, want an error", repl, got)
		}
	}
}

// readOne reads the file of one task.
func readOne(path string) (*eval.Task, error) {
	tasks, err := Read(path, nil)
	if err != nil {
		return nil, err
	}
	return &tasks[0], nil
}

// FuzzRead reads a stranger's file: it must end with a task that can be checked, or with an error.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), "x")
	}
	f.Add(wholeTask, "[1, 'a']")
	f.Add("a: &a [*a]", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		if len(text) > 1<<14 {
			return
		}
		task, err := readText(t, strings.ReplaceAll(text, "include", "included"))
		if err != nil {
			return
		}
		doc := eval.Document{}
		for _, name := range []string{"q", "a", "question", "answer", "label", "choices", "passage"} {
			doc = doc.With(name, value)
		}
		q, err := task.Question(doc)
		if err == nil && task.Kind == eval.Generation {
			for _, filter := range task.Answers.Filters {
				filter.Apply(&q, value)
			}
		}
	})
}
