package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/eval/internal/evaltest"
	"trit/lm"
	"trit/tokenizer"
)

// manyChoices is a task of its own with many documents, a few of them alike.
func manyChoices(t *testing.T, n int) (dir, task string) {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, `{"q":"question %d","c":["%c","%c%d"],"g":%d}`+"\n", i, 'a'+i%7, 'b'+i%5, i%3, i%2)
	}
	dir = evaltest.Write(t, map[string]string{"q.jsonl": rows.String(), "many.json": `{"name":"many","data":"q.jsonl","context":"{q}:","choices":"c","gold":"g"}`})
	return dir, filepath.Join(dir, "many.json")
}

// outputs are the files of a run, less times.
func outputs(t *testing.T, dir string) string {
	samples, err := os.ReadFile(filepath.Join(dir, "samples_many.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Results, Task_Hashes json.RawMessage }
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return string(samples) + string(r.Results) + string(r.Task_Hashes)
}

func TestSameResultsWhateverTheBatch(t *testing.T) {
	dir, task := manyChoices(t, 40)
	var want string
	for _, batch := range []int{0, 1, 7, 1000} {
		m, o := options(t, task)
		o.Batch, o.Out = batch, filepath.Join(dir, fmt.Sprint("out", batch))
		if _, err := Run(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
		got := outputs(t, o.Out)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("with batches of %d the results are others", batch)
		}
		if most := slices.Max(m.Batches); batch > 0 && most > batch {
			t.Errorf("a batch has %d requests, want at most %d", most, batch)
		}
	}
}

// meteredModel computes two thirds of the tokens of each batch.
type meteredModel struct {
	*evaltest.Model
	computed int64
}

func (m *meteredModel) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	for _, r := range requests {
		m.computed += 2 * int64(len(r.Input)) / 3
	}
	return m.Model.Score(ctx, requests)
}

func (m *meteredModel) ComputedTokens() int64 { return m.computed }

// TestComputedTokensAreToldByTask runs a model that has computed something before.
func TestComputedTokensAreToldByTask(t *testing.T) {
	_, task := manyChoices(t, 40)
	fake, o := options(t, task)
	m := &meteredModel{fake, 1000}
	var last Progress
	o.Batch, o.Progress = 16, func(p Progress) { last = p }
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	e := r.Effort["many"]
	if e.Computed != m.computed-1000 || last.Computed != e.Computed || e.Computed >= e.Tokens || last.Seconds <= 0 {
		t.Errorf("effort %+v and progress %+v, want %d tokens computed", e, last, m.computed-1000)
	}
	if want := fmt.Sprintf("; %d of them computed, ", e.Computed); !strings.Contains(e.String(), want) {
		t.Errorf("the line %q has no %q", e, want)
	}
	if r, err := Run(t.Context(), fake, o); err != nil || strings.Contains(r.Effort["many"].String(), "computed") {
		t.Errorf("a model without a meter: %v, %v", r.Effort["many"], err)
	}
}

// TestBatchesEndByTheirTokens counts only what a request does not share with the one before.
func TestBatchesEndByTheirTokens(t *testing.T) {
	long := make([]int32, 60)
	inputs := [][]int32{append(long[:59:59], 1), append(long[:59:59], 2), append(long[:59:59], 3), {7, 7}, long[:50], {8}}
	todo := []int{0, 1, 2, 3, 4, 5}
	for _, x := range []struct {
		batch int
		limit batchLimit
		want  int
	}{
		{0, batchLimit{9, 60}, 1}, {0, batchLimit{9, 61}, 2}, {0, batchLimit{9, 64}, 4}, {0, batchLimit{3, 1000}, 3}, {0, batchLimit{9, 1000}, 6}, {0, batchLimit{9, 5}, 1},
		{2, batchLimit{1, 1}, 2}, {100, batchLimit{1, 1}, 6},
	} {
		r := &runner{o: &Options{Batch: x.batch}}
		if got := r.batch(todo, inputs, x.limit); got != x.want {
			t.Errorf("batch %d, %+v: %d requests, want %d", x.batch, x.limit, got, x.want)
		}
	}
}

// stopping fails after some batches, as a killed process.
type stopping struct {
	*evaltest.Model
	left int
}

func (s *stopping) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	if s.left--; s.left < 0 {
		return nil, errors.New("stopped")
	}
	return s.Model.Score(ctx, requests)
}

func TestCacheGoesOn(t *testing.T) {
	dir, task := manyChoices(t, 20)
	m, o := options(t, task)
	o.Out, o.Batch = filepath.Join(dir, "whole"), 4
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	o.Out, o.Cache, o.Fingerprint = filepath.Join(dir, "resumed"), filepath.Join(dir, "cache.jsonl"), "model 1"
	if _, err := Run(t.Context(), &stopping{m, 3}, o); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Fatalf("error %v", err)
	}
	f, err := os.OpenFile(o.Cache, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"key":"cut sho`) // by a kill
	f.Close()
	m.Inputs = nil
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if e := r.Effort["many"]; e.Cached != 12 || e.Requests != 40 || len(m.Inputs) != 28 {
		t.Errorf("%+v and %d requests to the model, want 12 of 40 cached", e, len(m.Inputs))
	}
	if outputs(t, o.Out) != outputs(t, filepath.Join(dir, "whole")) {
		t.Error("the resumed run has other results")
	}
	m.Inputs = nil
	o.Replace = true
	if _, err := Run(t.Context(), m, o); err != nil || len(m.Inputs) != 0 {
		t.Errorf("the second time: %d requests to the model, error %v", len(m.Inputs), err)
	}
	o.Fingerprint = "model 2"
	if r, err := Run(t.Context(), m, o); err != nil || r.Effort["many"].Cached != 0 {
		t.Errorf("another model takes %d results, error %v", r.Effort["many"].Cached, err)
	}
}

func TestForeignFilesAreNoCache(t *testing.T) {
	for _, text := range []string{"notes of mine", "notes\nof mine\n", `{"key":"a","result":1}` + "\nnotes", `{"key":"a"}` + "\n{}\n"} {
		path := filepath.Join(evaltest.Write(t, map[string]string{"c": text}), "c")
		if c, err := openCache(path); err == nil {
			c.close()
			t.Errorf("%q is taken for a cache", text)
		}
		if b, _ := os.ReadFile(path); string(b) != text {
			t.Errorf("%q became %q", text, b)
		}
	}
}

func TestOrder(t *testing.T) {
	inputs := [][]int32{{9, 9}, {1, 2, 3}, {5, 6, 7, 8, 1}, {1, 2, 3, 4}, {5, 6, 7, 8, 2, 3}, {1, 2}}
	if got, want := inOrder(inputs), []int{2, 4, 3, 1, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// A prompt is examples and question; those of the tested documents leave the document out.
func TestFewshotPrompts(t *testing.T) {
	var rows strings.Builder
	for i := range 10 {
		fmt.Fprintf(&rows, `{"q":"q%d","c":["x%d","y%d"],"g":%d}`+"\n", i, i, i, i%2)
	}
	train := strings.ReplaceAll(rows.String(), `"q":"q`, `"q":"t`)
	dir := evaltest.Write(t, map[string]string{
		"q.jsonl": rows.String(), "t.jsonl": train,
		"same.json":  `{"name":"same","data":"q.jsonl","context":"{q}:","choices":"c","gold":"g","num_fewshot":4}`,
		"first.json": `{"name":"first","data":"q.jsonl","context":"{q}:","choices":"c","gold":"g","num_fewshot":2,"fewshot":{"sampler":"first_n"}}`,
		"train.json": `{"name":"train","data":"q.jsonl","context":"{q}:","choices":"c","gold":"g","num_fewshot":5,"fewshot":{"data":"t.jsonl"}}`,
		"fixed.yaml": "{name: fixed, data: q.jsonl, context: '{q}:', choices: c, gold: g, num_fewshot: 1, target_delimiter: '|', fewshot_delimiter: ';', fewshot: {examples: [{q: e, c: [m, n], g: 1}]}}",
	})
	_, o := options(t)
	e := newEncoder(o.Tokenizer, 1000)
	// random.Random(1234).sample(range(10), 5) gives [7,1,0,9,4], then [0,1,8,6,2].
	for name, want := range map[string][]string{
		"same.json":  {"q7: y7\n\nq1: y1\n\nq9: y9\n\nq4: x4\n\nq0:", "q0: x0\n\nq8: x8\n\nq6: x6\n\nq2: x2\n\nq1:"},
		"first.json": {"q1: y1\n\nq2: x2\n\nq0:", "q0: x0\n\nq2: x2\n\nq1:"},
		"train.json": {"t7: y7\n\nt1: y1\n\nt0: x0\n\nt9: y9\n\nt4: x4\n\nq0:", "t0: x0\n\nt1: y1\n\nt8: x8\n\nt6: x6\n\nt2: x2\n\nq1:"},
		"fixed.yaml": {"e:|n;q0:", "e:|n;q1:"},
	} {
		task, err := ReadTask(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		p, err := task.prepare(t.Context(), &o, e)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got := p.requests[2*i].context; got != want[i] {
				t.Errorf("%s: prompt %d is %q, want %q", name, i, got, want[i])
			}
		}
	}
	o.NumFewshot = 10
	task, _ := ReadTask(filepath.Join(dir, "same.json"))
	if _, err := task.prepare(t.Context(), &o, e); err == nil || !strings.Contains(err.Error(), "Options.NumFewshot") {
		t.Errorf("ten of ten: %v", err)
	}
}

// chatTokenizer is evaltest.Tokenizer with a template that shows the turns.
func chatTokenizer(t *testing.T) *tokenizer.Tokenizer {
	files, err := evaltest.Tokenizer(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(files["tokenizer_config.json"], &config); err != nil {
		t.Fatal(err)
	}
	config["chat_template"] = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
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

func TestChatTemplate(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{"q.jsonl": `{"q":"one","c":["x","y"],"g":0}` + "\n" + `{"q":"two","c":["v","w"],"g":1}` + "\n",
		"t.json": `{"name":"t","data":"q.jsonl","context":"{q}:","choices":"c","gold":"g","num_fewshot":1,"fewshot":{"sampler":"first_n"}}`})
	task, err := ReadTask(filepath.Join(dir, "t.json"))
	if err != nil {
		t.Fatal(err)
	}
	tok := chatTokenizer(t)
	bos := tok.Vocab().Tokens[tok.BOS()]
	o := &Options{Tokenizer: tok, MaxLength: 200, NumFewshot: -1, ApplyChatTemplate: true}
	for multiturn, want := range map[bool]string{
		true: bos + "<user>one:<assistant>x<user>two:<assistant>", false: bos + "<user>one: x\n\ntwo:<assistant>",
	} {
		o.FewshotMultiturn = multiturn
		p, err := task.prepare(t.Context(), o, newEncoder(tok, 200))
		if err != nil {
			t.Fatal(err)
		}
		r := p.requests[3]
		if r.context != want || r.continuation != "w" {
			t.Errorf("multi-turn %v: %q and %q, want %q and no space", multiturn, r.context, r.continuation, want)
		}
		if ids := r.score.Input; ids[0] != tok.BOS() || ids[1] == tok.BOS() {
			t.Errorf("input %v does not begin with one BOS", ids[:3])
		}
	}
}

func TestGenerationTask(t *testing.T) {
	dir := evaltest.Write(t, map[string]string{
		"q.jsonl": `{"q":"1","a":"#### 42"}` + "\n" + `{"q":"2","a":"#### 7"}` + "\n" + `{"q":"3","a":"#### 1,000"}` + "\n",
		"t.yaml": `
name: sums
data: q.jsonl
context: "{q}"
target: "{a}"
until: ["Q:"]
max_gen_toks: 40
filters:
  - {name: strict, regex: '#### (\-?[0-9\.\,]+)'}
  - {name: last, regex: '[0-9]+', group_select: -1, fallback: none}
exact_match: {ignore_case: true, regexes_to_ignore: [",", '(?s).*#### ']}
`})
	m, o := options(t, filepath.Join(dir, "t.yaml"))
	m.Answers = map[byte]string{'1': "well, #### 42 Q: and 5", '2': "it is 7", '3': "#### 1000 and more, which goes on beyond forty tokens 9"}
	o.Out = filepath.Join(dir, "out")
	r, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Results["sums"]
	if got["exact_match,strict"] != 2./3 || got["exact_match,last"] != 1 {
		t.Errorf("results %v", got)
	}
	b, err := os.ReadFile(filepath.Join(o.Out, "samples_sums.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	for _, want := range []string{
		`{"doc_id": 0, "doc": {"q": "1", "a": "#### 42"}, "target": "#### 42", "arguments": {"gen_args_0": {"arg_0": "1", "arg_1": {"until": ["Q:"], "do_sample": false, "temperature": 0.0, "max_gen_toks": 40}}}, `,
		`"resps": [["well, #### 42 "]], "filtered_resps": ["42"], "filter": "strict", "metrics": ["exact_match"], "doc_hash": `, `, "exact_match": 1.0}`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the first sample is %s, want in it %s", first, want)
		}
	}
	if n := strings.Count(string(b), "\n"); n != 6 {
		t.Errorf("%d samples, want 3 documents by 2 filters", n)
	}
}

func TestSamplesPickDocuments(t *testing.T) {
	dir, task := manyChoices(t, 10)
	m, o := options(t, task)
	o.Samples, o.Out = map[string][]int{"many": {7, 2, 7}}, filepath.Join(dir, "out")
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(o.Out, "samples_many.jsonl"))
	if err != nil || !strings.HasPrefix(string(b), `{"doc_id": 2,`) || strings.Count(string(b), "\n") != 2 || !strings.Contains(string(b), `{"doc_id": 7,`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestOptionsThatContradict(t *testing.T) {
	dir, task := manyChoices(t, 3)
	text := `{"name":"gen","data":"q.jsonl","context":"{q}","target":"{q}"}`
	if err := os.WriteFile(filepath.Join(dir, "gen.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, generation := options(t, filepath.Join(dir, "gen.json"))
	for want, change := range map[string]func(o *Options){
		"no tokenizer":         func(o *Options) { o.Tokenizer = nil },
		"no task is named":     func(o *Options) { o.Tasks = nil },
		"give one of them":     func(o *Options) { o.Limit, o.Samples = 1, map[string][]int{"many": {1}} },
		"Options.Limit -1":     func(o *Options) { o.Limit = -1 },
		"ApplyChatTemplate":    func(o *Options) { o.FewshotMultiturn = true },
		"no chat template":     func(o *Options) { o.ApplyChatTemplate = true },
		"fingerprint":          func(o *Options) { o.Cache = filepath.Join(dir, "c") },
		"not among":            func(o *Options) { o.Samples = map[string][]int{"arc_easy": {1}} },
		"there are 3":          func(o *Options) { o.Samples = map[string][]int{"many": {3}} },
		"names no document":    func(o *Options) { o.Samples = map[string][]int{"many": {}} },
		"two tasks":            func(o *Options) { o.Tasks = append(o.Tasks, o.Tasks[0]) },
		"at least 2":           func(o *Options) { o.MaxLength = 1 },
		"name the folder":      func(o *Options) { o.Tasks[0].Test = Source{Hub: "a/b", Split: "test"} },
		"leaves no space":      func(o *Options) { o.Tasks, o.MaxTokens = generation.Tasks, 64 },
		"examples before each": func(o *Options) { o.NumFewshot = 3 },
		"has no name":          func(o *Options) { o.Tasks[0].Name = "" },
		"Ask is nil":           func(o *Options) { o.Tasks[0].Ask = nil },
		"the metrics are":      func(o *Options) { o.Tasks[0].Metrics = []Metric{ExactMatch} },
		"the kind is":          func(o *Options) { o.Tasks[0].Kind = "riddle" },
		"a filter and a judge": func(o *Options) { o.Tasks[0].Kind = Generation },
		"0 contexts": func(o *Options) {
			o.Tasks[0].Ask = func(*Fields) Question { return Question{Choices: []string{"a"}} }
		},
		"number 2 of 1": func(o *Options) {
			o.Tasks[0].Ask = func(*Fields) Question {
				return Question{Contexts: []string{"c"}, Choices: []string{"a"}, Gold: 2}
			}
		},
	} {
		m, o := options(t, task)
		change(&o)
		if _, err := Run(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestProgressCountsToTheEnd(t *testing.T) {
	_, task := manyChoices(t, 9)
	m, o := options(t, task)
	o.Batch = 4
	var last Progress
	o.Progress = func(p Progress) {
		if p.Done <= last.Done || p.Tokens <= last.Tokens {
			t.Errorf("after %+v comes %+v", last, p)
		}
		last = p
	}
	if _, err := Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	if last.Done != 18 || last.Total != 18 || last.Tokens != last.Whole || last.Left != 0 || last.Task != "many" {
		t.Errorf("at the end %+v", last)
	}
}
