package ifeval

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

// vector is what the harness's checkers say of an answer (see testdata/README.md).
type vector struct {
	Doc           json.RawMessage
	Answer        string
	Strict, Loose []bool
	Sentences     int
	Capitals      int
}

func readVectors(t *testing.T) (list []vector) {
	f, err := os.Open("testdata/ifeval.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// documents reads lines of JSON as a task does.
func documents(t *testing.T, lines ...string) []eval.Document {
	t.Helper()
	s := Task().Test
	dir := evaltest.Write(t, map[string]string{s.Files[0]: strings.Join(lines, "\n")})
	docs, err := s.Load(t.Context(), &eval.Options{DataDir: dir, AllowPartial: true})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// byLanguage are the kinds that a library decides which guesses languages, another one than the harness's.
var byLanguage = []string{"language:response_language", "change_case:english_capital", "change_case:english_lowercase"}

func TestVerdictsAreTheHarnesss(t *testing.T) {
	list := readVectors(t)
	var lines []string
	for _, v := range list {
		lines = append(lines, string(v.Doc))
	}
	checked, byLibrary, differ := 0, 0, 0
	for i, d := range documents(t, lines...) {
		v := list[i]
		instructions, err := instructionsOf(d)
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		if n := len(sentencesOf(v.Answer)); n != v.Sentences {
			t.Errorf("%q has %d sentences, want %d: %q", v.Answer, n, v.Sentences, sentencesOf(v.Answer))
		}
		if n := len(slices.DeleteFunc(words(v.Answer), func(w string) bool { return !isUpper(w) })); n != v.Capitals {
			t.Errorf("%q has %d capital words, want %d: %q", v.Answer, n, v.Capitals, words(v.Answer))
		}
		kinds := eval.NewFields(d).Texts("instruction_id_list")
		strict, loose := follows(instructions, v.Answer), followsLoosely(instructions, v.Answer)
		for k, kind := range kinds {
			same := strict[k] == v.Strict[k] && loose[k] == v.Loose[k]
			checked++
			if slices.Contains(byLanguage, kind) {
				if byLibrary++; !same {
					differ++
				}
				continue
			}
			if !same {
				t.Errorf("%s %s\n%q: strict %v, loose %v; want %v, %v", kind, v.Doc, v.Answer, strict[k], loose[k], v.Strict[k], v.Loose[k])
			}
		}
	}
	t.Logf("%d answers, %d instructions; of %d by language, %d differ", len(list), checked, byLibrary, differ)
	if len(list) < 500 || differ*33 > byLibrary {
		t.Errorf("%d answers; of %d instructions by language, %d differ", len(list), byLibrary, differ)
	}
}

func TestWrongDocuments(t *testing.T) {
	for kwargs, want := range map[string]string{
		`["keywords:existence"],"kwargs":[{}]`:                                                                               `no argument "keywords"`,
		`["keywords:existence"],"kwargs":[{"keywords":["(" ]}]`:                                                              "no regular expression",
		`["keywords:existence"],"kwargs":[]`:                                                                                 "want one for each of 1",
		`["keywords:rhyme"],"kwargs":[{}]`:                                                                                   `"keywords:rhyme"`,
		`["length_constraints:number_words"],"kwargs":[{"num_words":5,"relation":"about"}]`:                                  `want "less than"`,
		`["length_constraints:number_words"],"kwargs":[{"num_words":0.5,"relation":"at least"}]`:                             "at least 1",
		`["keywords:letter_frequency"],"kwargs":[{"letter":"ab","let_frequency":1,"let_relation":"at least"}]`:               "want one character",
		`["length_constraints:nth_paragraph_first_word"],"kwargs":[{"num_paragraphs":1,"nth_paragraph":2,"first_word":"a"}]`: "want 1 to",
	} {
		d := documents(t, `{"prompt":"p","instruction_id_list":`+kwargs+`}`)[0]
		task := Task()
		if _, err := task.Question(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", kwargs, err, want)
		}
	}
	if len(checks) != 25 {
		t.Errorf("%d kinds of instructions, want 25", len(checks))
	}
}

// TestRun measures a model that writes the same answer each time.
func TestRun(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	line := `{"prompt":"Say it.","instruction_id_list":["punctuation:no_comma","startend:quotation"],"kwargs":[{},{}]}`
	dir := evaltest.Write(t, map[string]string{Task().Test.Files[0]: line + "\n" + strings.Replace(line, "Say", "Tell", 1)})
	m := &evaltest.Model{Tokenizer: tok, Context: 2048, Answers: map[byte]string{'.': "no quotes"}}
	r, err := eval.Run(t.Context(), m, eval.Options{Tokenizer: tok, Tasks: []eval.Task{Task()}, DataDir: dir, AllowPartial: true, NumFewshot: -1})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Results["ifeval"]
	if got["prompt_level_strict_acc,none"] != 0 || got["inst_level_strict_acc,none"] != 0.5 || got["inst_level_loose_acc,none"] != 0.5 {
		t.Error(got)
	}
	if _, ok := got["inst_level_strict_acc_stderr,none"]; ok {
		t.Error("values of which a document gives several have a standard error as if they were documents")
	}
}

// TestCompare: instructions count one by one, and documents are paired.
func TestCompare(t *testing.T) {
	tok := evaltest.Tokenizer(t)
	line := `{"prompt":"Say %d.","instruction_id_list":["punctuation:no_comma","startend:quotation"],"kwargs":[{},{}]}`
	var lines []string
	for i := range 6 {
		lines = append(lines, fmt.Sprintf(line, i))
	}
	dir := evaltest.Write(t, map[string]string{Task().Test.Files[0]: strings.Join(lines, "\n")})
	var out []string
	for _, answer := range []string{"no quotes", `"quotes"`} {
		folder := t.TempDir()
		m := &evaltest.Model{Tokenizer: tok, Context: 2048, Answers: map[byte]string{'.': answer}}
		_, err := eval.Run(t.Context(), m, eval.Options{
			Tokenizer: tok, Tasks: []eval.Task{Task()}, DataDir: dir, AllowPartial: true, NumFewshot: -1, Out: folder, Replace: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, folder)
	}
	c, err := eval.Compare(out[0], out[1])
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range c.Rows {
		want := map[string]eval.Difference{
			"prompt_level_strict_acc,none": {A: 0, B: 1, Test: eval.McNemar, Documents: 6, BetterB: 6},
			"inst_level_strict_acc,none":   {A: 0.5, B: 1, Test: eval.PairedZ, Documents: 6, BetterB: 6},
		}[d.Metric]
		if want.Test == "" {
			continue
		}
		if found++; d.A != want.A || d.B != want.B || d.Test != want.Test || d.Documents != 6 || d.BetterB != 6 || d.BetterA != 0 {
			t.Errorf("%+v, want %+v", d, want)
		}
	}
	if found != 2 {
		t.Errorf("%d metrics are compared: %+v", found, c.Rows)
	}
}

func ExampleTask() {
	fmt.Println(Task().Name, len(checks), "kinds of instructions")
	// Output: ifeval 25 kinds of instructions
}
