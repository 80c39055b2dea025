//go:build conformance

package eval_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/python"
	"trit/eval/tasks"
	"trit/tokenizer"
)

var (
	goldenDir = flag.String("golden", "../../shared/golden/eval", "folder of golden evaluation scores, of the form of golden/eval")
	dataDir   = flag.String("data", "../../shared/data/eval", "folder of the questions")
)

func readGolden(t *testing.T, name string, dst any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(*goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, dst); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func goldenTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Load(filepath.Join(*goldenDir, "stories260K-hf"))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func find(t *testing.T, name string) *eval.Task {
	t.Helper()
	found, err := tasks.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return &found[0]
}

// choiceFile is a golden file of multiple choice.
type choiceFile struct {
	Task     string
	Settings struct {
		NumFewshot int    `json:"num_fewshot"`
		Split      string `json:"fewshot_split"`
	}
	Docs []struct {
		Context         any
		Continuations   any
		ContextIDs      any       `json:"context_token_ids"`
		Dropped         []int     `json:"context_tokens_dropped"`
		ContinuationIDs [][]int32 `json:"continuation_token_ids"`
		Shots           []int     `json:"fewshot_doc_ids"`
	}
}

// ids is a list of tokens of JSON.
func ids(v any) []int32 {
	var out []int32
	for _, x := range v.([]any) {
		out = append(out, int32(x.(float64)))
	}
	return out
}

// wantIDs are the context ids of choice j.
func (f *choiceFile) wantIDs(i, j int) []int32 {
	d := f.Docs[i]
	list := d.ContextIDs.([]any)
	if _, several := list[0].([]any); several {
		return ids(list[j])
	}
	ctx := ids(d.ContextIDs)
	if len(d.Dropped) > 0 {
		ctx = ctx[d.Dropped[j]-slices.Min(d.Dropped):]
	}
	return ctx
}

// Requests of the golden files, made by the harness's own rules: the context as text and
// its ids after truncation, and the continuation's ids, of every document.
func TestGoldenRequests(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(*goldenDir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s holds no golden files: %v", *goldenDir, err)
	}
	tok := goldenTokenizer(t)
	for _, path := range paths {
		name := filepath.Base(path)
		if name == "pairs.json" || name == "gsm8k.json" || strings.HasPrefix(name, "rolling") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var f choiceFile
			readGolden(t, name, &f)
			f.compare(t, tok)
		})
	}
}

func (f *choiceFile) compare(t *testing.T, tok *tokenizer.Tokenizer) {
	name := f.Task
	if strings.HasPrefix(f.Settings.Split, "test") {
		name = "arc_challenge"
	}
	task := find(t, name)
	if name != f.Task { // drawn from the tested split, less the document itself
		task.Fewshot = eval.Fewshot{Extra: true, First: strings.HasSuffix(f.Task, "firstn")}
	}
	o := &eval.Options{Tokenizer: tok, MaxLength: 512, DataDir: *dataDir, NumFewshot: f.Settings.NumFewshot, Limit: float64(len(f.Docs))}
	requests, err := eval.Prepare(t.Context(), task, o)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, d := range f.Docs {
		got := requests[i]
		if len(got) != max(len(d.ContinuationIDs), 2) {
			t.Fatalf("document %d: %d requests, want %d", i, len(got), len(d.ContinuationIDs))
		}
		for j, r := range got {
			cont := d.ContinuationIDs[min(j, len(d.ContinuationIDs)-1)]
			whole := slices.Concat(f.wantIDs(i, j), cont)
			if !slices.Equal(r.Score.Input, whole[:len(whole)-1]) || !slices.Equal(r.Score.Targets, cont) {
				t.Errorf("document %d, choice %d: other ids", i, j)
			}
			if text, ok := d.Context.(string); ok && text != r.Context {
				t.Errorf("document %d: context %q, want %q", i, r.Context, text)
			}
			compared++
		}
	}
	t.Logf("%d requests", compared)
}

func TestGoldenPairs(t *testing.T) {
	var pairs []struct {
		Context, Continuation string
		ContextIDs            []int32 `json:"context_token_ids"`
		ContinuationIDs       []int32 `json:"continuation_token_ids"`
	}
	readGolden(t, "pairs.json", &pairs)
	tok := goldenTokenizer(t)
	for _, p := range pairs {
		got, whole := eval.Pair(tok, 512, p.Context, p.Continuation), slices.Concat(p.ContextIDs, p.ContinuationIDs)
		if !slices.Equal(got.Input, whole[:len(whole)-1]) || !slices.Equal(got.Targets, p.ContinuationIDs) {
			t.Errorf("%q + %q: %v and %v, want %v and %v", p.Context, p.Continuation, got.Input, got.Targets, p.ContextIDs, p.ContinuationIDs)
		}
	}
	if len(pairs) == 0 {
		t.Error("there are no pairs")
	}
}

func TestGoldenGeneration(t *testing.T) {
	var golden struct {
		Settings struct {
			MaxGenToks int `json:"max_gen_toks"`
		}
		FilterCases []struct {
			Response, Target string
			Strict           string             `json:"strict-match"`
			Flexible         string             `json:"flexible-extract"`
			ExactMatch       map[string]float64 `json:"exact_match"`
		} `json:"filter_cases"`
		StopCases []struct {
			Before    string `json:"text_before_stop_cut"`
			Until     []string
			Generated string `json:"generated_text"`
		} `json:"stop_cases"`
		Docs []struct {
			Context    string
			ContextIDs []int32 `json:"context_token_ids"`
		}
	}
	readGolden(t, "gsm8k.json", &golden)
	gsm8k := find(t, "gsm8k")
	for _, c := range golden.FilterCases {
		want := map[string]string{"strict-match": c.Strict, "flexible-extract": c.Flexible}
		for _, f := range gsm8k.Answers.Filters {
			if f.Extra {
				continue
			}
			got := f.Apply(nil, c.Response)
			verdict, err := gsm8k.Answers.Judge(t.Context(), nil, &eval.Question{Target: c.Target}, got)
			if got != want[f.Name] || err != nil || verdict.Score != c.ExactMatch[f.Name] {
				t.Errorf("%q, %s: %q scores %g, want %q and %g", c.Response, f.Name, got, verdict.Score, want[f.Name], c.ExactMatch[f.Name])
			}
		}
	}
	for _, c := range golden.StopCases {
		if got := eval.CutAt(c.Before, c.Until); got != c.Generated {
			t.Errorf("%q until %q is %q, want %q", c.Before, c.Until, got, c.Generated)
		}
	}
	tok := goldenTokenizer(t)
	o := &eval.Options{Tokenizer: tok, MaxLength: 512, DataDir: *dataDir, NumFewshot: 5, MaxTokens: golden.Settings.MaxGenToks, Limit: float64(len(golden.Docs))}
	requests, err := eval.Prepare(t.Context(), gsm8k, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range golden.Docs {
		if r := requests[i][0]; r.Context != d.Context || !slices.Equal(r.Generate.Prompt, d.ContextIDs) {
			t.Errorf("document %d: another prompt", i)
		}
	}
}

// Every set is whole, each document makes a question, and a part of it is refused.
func TestRowCounts(t *testing.T) {
	for name, rows := range map[string]int{
		"arc_easy": 2376, "arc_challenge": 1172, "boolq": 3270, "winogrande": 1267, "hellaswag": 10042, "piqa": 1838, "openbookqa": 500,
		"gsm8k": 1319, "gsm8k_cot": 1319, "math500": 500, "humaneval": 164, "humaneval_plus": 164,
	} {
		task := find(t, name)
		docs, err := task.Test.Load(t.Context(), &eval.Options{DataDir: *dataDir})
		if err != nil || len(docs) != rows {
			t.Errorf("%s: %d documents and error %v, want %d", name, len(docs), err, rows)
		}
		for i, d := range docs {
			if _, err := task.Question(d); err != nil {
				t.Fatalf("%s: document %d: %v", name, i, err)
			}
		}
	}
	docs, err := find(t, "wikitext").Test.Load(t.Context(), &eval.Options{DataDir: filepath.Join(*dataDir, "../corpus-wikitext2")})
	if err != nil || len(docs) != 62 {
		t.Errorf("wikitext: %d documents and error %v, want 62", len(docs), err)
	}
}

// The parquet files of the Hub hold the same as the plain files.
func TestParquetIsTheSameSet(t *testing.T) {
	gsm8k := find(t, "gsm8k")
	plain, err := gsm8k.Test.Load(t.Context(), &eval.Options{DataDir: *dataDir})
	if err != nil {
		t.Fatal(err)
	}
	parquet, err := gsm8k.Test.Load(t.Context(), &eval.Options{DataDir: filepath.Join(*dataDir, "../gsm8k-parquet")})
	if err != nil || len(parquet) != len(plain) {
		t.Fatalf("%d documents and error %v", len(parquet), err)
	}
	for i := range plain {
		if plain[i].Hashed() != parquet[i].Hashed() {
			t.Errorf("document %d differs", i)
		}
	}
}

func TestFewshotDraws(t *testing.T) {
	var draws struct {
		ByK map[string][][]int `json:"indices_by_k"`
	}
	b, err := os.ReadFile(filepath.Join(*dataDir, "gsm8k_fewshot_indices_seed1234.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &draws); err != nil {
		t.Fatal(err)
	}
	for k, rows := range draws.ByK {
		r := python.NewRandom(eval.FewshotSeed)
		for i, want := range rows {
			if got := r.Sample(7473, len(want)); !slices.Equal(got, want) {
				t.Fatalf("%s examples, document %d: %v, want %v", k, i, got, want)
			}
		}
		if len(rows) != 1319 {
			t.Errorf("%s examples: %d draws, want 1319", k, len(rows))
		}
	}
}

// The right answers of GSM8K and MATH-500 score 1 through their filters, others 0.
func TestReferenceAnswers(t *testing.T) {
	for _, task := range []*eval.Task{find(t, "gsm8k"), find(t, "math500")} {
		docs, err := task.Test.Load(t.Context(), &eval.Options{DataDir: *dataDir})
		if err != nil {
			t.Fatal(err)
		}
		var questions []eval.Question
		for _, d := range docs {
			q, err := task.Question(d)
			if err != nil {
				t.Fatal(err)
			}
			questions = append(questions, q)
		}
		for i := range questions {
			for _, f := range task.Answers.Filters {
				judge, form := task.Answers.Judge, "%s"
				if f.Judge != nil {
					judge = f.Judge
				}
				if f.Name == "boxed-value" {
					form = "The answer is $\\boxed{%s}$."
				}
				answer := f.Apply(&questions[i], fmt.Sprintf(form, questions[i].Target))
				right, err := judge(t.Context(), nil, &questions[i], answer)
				wrong, _ := judge(t.Context(), nil, &questions[i], f.Apply(&questions[i], fmt.Sprintf(form, "#### -123454321")))
				if err != nil || right.Score != 1 || wrong.Score != 0 {
					t.Errorf("%s, document %d, %s: the right answer scores %g, a wrong one %g", task.Name, i, f.Name, right.Score, wrong.Score)
				}
			}
		}
	}
}
