package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"trit/eval"
	"trit/eval/internal/evaltest"
)

// arcRows are a test split of ARC of two rows, in its forms.
var arcRows = map[string]string{
	"plain": `{"question":"q0","choices":["a","b"],"gold":1}` + "\n" + `{"question":"q1","choices":["c","d","e"],"gold":0}` + "\n",
	"hub":   `{"id":"x","question":"q0","choices":{"text":["a","b"],"label":["1","2"]},"answerKey":"2"}` + "\n" + `{"id":"y","question":"q1","choices":{"text":["c","d","e"],"label":["A","B","C"]},"answerKey":"A"}` + "\n",
}

// smallARC is arc_easy with two rows.
func smallARC() *eval.Task {
	t := arcEasy
	t.Test.Rows = 2
	return &t
}

type arcRow struct {
	ID       string `parquet:"id"`
	Question string `parquet:"question"`
	Choices  struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label,list"`
	} `parquet:"choices"`
	AnswerKey string `parquet:"answerKey"`
}

func arcParquet(t *testing.T) string {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[arcRow](&b)
	rows := []arcRow{{ID: "x", Question: "q0", AnswerKey: "2"}, {ID: "y", Question: "q1", AnswerKey: "A"}}
	rows[0].Choices.Text, rows[0].Choices.Label = []string{"a", "b"}, []string{"1", "2"}
	rows[1].Choices.Text, rows[1].Choices.Label = []string{"c", "d", "e"}, []string{"A", "B", "C"}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packed(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDataIsFound(t *testing.T) {
	lines := strings.SplitAfter(arcRows["hub"], "\n")
	for name, files := range map[string]map[string]string{
		"plain":         {"arc_easy_test.jsonl": arcRows["plain"], "arc_challenge_test.jsonl": "{}"},
		"hub":           {"allenai/ai2_arc/ARC-Easy/test-00000-of-00001.parquet": arcParquet(t)},
		"name alone":    {"ai2_arc/ARC-Easy/test.jsonl": arcRows["hub"], "ai2_arc/ARC-Challenge/test.jsonl": "{}"},
		"the folder":    {"ARC-Easy/test-00000-of-00001.parquet": arcParquet(t)},
		"converted":     {"ai2_arc/ARC-Easy/test/0000.parquet": arcParquet(t)},
		"shards":        {"ARC-Easy/test-00000-of-00002.jsonl": lines[0], "ARC-Easy/test-00001-of-00002.jsonl": lines[1]},
		"hub cache":     {"datasets--allenai--ai2_arc/snapshots/1/ARC-Easy/test.parquet": arcParquet(t)},
		"a list":        {"arc_easy_test.jsonl": "[" + strings.Join(strings.Split(strings.TrimSpace(arcRows["plain"]), "\n"), ",\n") + "]"},
		"packed":        {"allenai--ai2_arc/ARC-Easy/test.jsonl.gz": packed(t, arcRows["hub"])},
		"plain parquet": {"test.parquet": arcParquet(t)},
	} {
		task := smallARC()
		docs, err := task.Test.Load(t.Context(), &eval.Options{DataDir: evaltest.Write(t, files)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range []string{"Question: q0\nAnswer: [a b] 1", "Question: q1\nAnswer: [c d e] 0"} {
			q, err := task.Question(docs[i])
			if got := fmt.Sprint(q.Contexts[0], " ", q.Choices, " ", q.Gold); err != nil || got != want {
				t.Errorf("%s: document %d is %q, %v; want %q", name, i, got, err, want)
			}
		}
	}
}

func TestDataOfASingleFileAndFetched(t *testing.T) {
	task := smallARC()
	dir := evaltest.Write(t, map[string]string{"my.jsonl": arcRows["plain"], "ARC-Easy/test.parquet": arcParquet(t)})
	if docs, err := task.Test.Load(t.Context(), &eval.Options{DataDir: filepath.Join(dir, "my.jsonl")}); err != nil || len(docs) != 2 {
		t.Errorf("a single file: %d documents and error %v", len(docs), err)
	}
	asked, fetched := "", []string{}
	o := &eval.Options{Fetch: func(_ context.Context, dataset string, choose func([]string) []string) (string, error) {
		asked, fetched = dataset, choose([]string{"README.md", "ARC-Easy/test.parquet", "ARC-Easy/train.parquet", "ARC-Challenge/test.parquet", "x/ARC-Easy/test.parquet"})
		return dir, nil
	}}
	if docs, err := task.Test.Load(t.Context(), o); err != nil || len(docs) != 2 || asked != "allenai/ai2_arc" || fmt.Sprint(fetched) != "[ARC-Easy/test.parquet]" {
		t.Errorf("fetched %v of %q: %d documents and error %v", fetched, asked, len(docs), err)
	}
	asked, o.DataDir = "", evaltest.Write(t, map[string]string{"arc_easy_test.jsonl": arcRows["plain"]})
	if docs, err := task.Test.Load(t.Context(), o); err != nil || len(docs) != 2 || asked != "" {
		t.Errorf("what the folder has was fetched: %q, %d documents and error %v", asked, len(docs), err)
	}
}

func TestFetchesThatFail(t *testing.T) {
	o := &eval.Options{Fetch: func(context.Context, string, func([]string) []string) (string, error) {
		return "", errors.New("no way")
	}}
	for dir, want := range map[string][]string{
		"": {"the test split of allenai/ai2_arc", "no way", "Options.DataDir"}, t.TempDir(): {"holds no data", "no way"}, "/no/such/folder": {"Options.DataDir: stat"},
	} {
		o.DataDir = dir
		_, err := smallARC().Test.Load(t.Context(), o)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("folder %q: %v, want %q", dir, err, w)
			}
		}
	}
}

func TestWrongDataIsRefused(t *testing.T) {
	one, _, _ := strings.Cut(arcRows["plain"], "\n")
	for name, c := range map[string]struct{ file, text, want string }{
		"a part":           {"arc_easy_test.jsonl", one, "1 rows, the set has 2"},
		"too many":         {"arc_easy_test.jsonl", arcRows["plain"] + one, "3 rows"},
		"other columns":    {"arc_easy_test.jsonl", strings.ReplaceAll(arcRows["plain"], "gold", "golden"), "golden"},
		"nothing":          {"arc_easy_test.jsonl", "\n", "no documents"},
		"another":          {"boolq_val.jsonl", one, "arc_easy_test.jsonl"},
		"no JSON":          {"arc_easy_test.jsonl", "{\"question\":\n", "line 1"},
		"a list":           {"arc_easy_test.jsonl", "[1]\n", "element 0"},
		"a number":         {"arc_easy_test.jsonl", "1\n", "want a JSON object"},
		"two objects":      {"arc_easy_test.jsonl", "{} {}\n", "follows"},
		"deep":             {"arc_easy_test.jsonl", `{"a":` + strings.Repeat("[", 33) + "\n", "nested"},
		"a long line":      {"arc_easy_test.jsonl", `{"a":"` + strings.Repeat("x", 16<<20) + "\"}\n", "longer than"},
		"no gzip":          {"HumanEval.jsonl.gz", "no packed file", "gzip"},
		"damaged parquet":  {"ARC-Easy/test.parquet", "PAR1", "footer"},
		"missing altogeth": {"nothing", "", "allenai/ai2_arc ARC-Easy"},
	} {
		task := smallARC()
		if strings.HasPrefix(c.file, "Human") {
			task = &humanEval
		}
		_, err := task.Test.Load(t.Context(), &eval.Options{DataDir: evaltest.Write(t, map[string]string{c.file: c.text})})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
	o := &eval.Options{DataDir: evaltest.Write(t, map[string]string{"arc_easy_test.jsonl": one}), AllowPartial: true}
	if docs, err := smallARC().Test.Load(t.Context(), o); err != nil || len(docs) != 1 {
		t.Errorf("a part that is allowed: %d documents and error %v", len(docs), err)
	}
	if _, err := smallARC().Test.Load(t.Context(), &eval.Options{DataDir: "/no/such/folder"}); err == nil || !strings.Contains(err.Error(), "Options.DataDir") {
		t.Errorf("no folder: %v", err)
	}
}

func TestGoldsOutOfRangeAreRefused(t *testing.T) {
	for task, line := range map[*eval.Task]string{
		&arcEasy:    `{"question":"q","choices":["a"],"gold":1}`,
		&openBookQA: `{"question_stem":"q","choices":{"text":["a"],"label":["A"]},"answerKey":"B"}`,
		&boolQ:      `{"question":"q","passage":"p","label":-1}`,
		&winogrande: `{"sentence":"a _ b","option1":"x","option2":"y","answer":"3"}`,
		&piqa:       `{"goal":"q","sol1":"p","sol2":"p","label":"x"}`,
		&hellaSwag:  `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["d"],"label":""}`,
		&math500:    `{"problem":"p","solution":"no box"}`,
		&gsm8k:      `{"question":"q","answer":3}`,
	} {
		if q, err := task.Question(document(t, []byte(line))); err == nil {
			t.Errorf("%s: %s gives %+v", task.Name, line, q)
		}
	}
	gap := document(t, []byte(`{"sentence":"no gap","option1":"x","option2":"y","answer":"1"}`))
	if _, err := winogrande.Question(gap); err == nil {
		t.Error("a sentence without a gap is asked")
	}
}
