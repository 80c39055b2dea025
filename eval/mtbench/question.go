package mtbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/data/source"
	"trit/eval"
)

// Question is a question of one or two turns.
type Question struct {
	ID        string
	Category  string
	Turns     []string
	Reference []string // right answers by turn, as far as the judge is shown them
	doc       eval.Document
	number    int // in the set
}

// questionSet is where the questions are: FastChat's file, in the place where it lies there too, or
// the same rows on the Hub.
var questionSet = eval.Source{
	Files:   []string{"mt_bench/question.jsonl", "mt_bench_question.jsonl"},
	Columns: columns,
	Hub:     "lighteval/mt-bench", Split: "train", HubColumns: columns,
	Rows: 80,
}

var columns = []string{"question_id", "category", "turns"}

// referenceFiles are FastChat's answers of GPT-4, which its judge is shown, in the data folder.
var referenceFiles = []string{"mt_bench/reference_answer/gpt-4.jsonl", "mt_bench_reference.jsonl"}

// referenced are the categories whose answers are compared with a reference.
var referenced = []string{"math", "reasoning", "coding", "arena-hard-200"}

// temperatures are those of FastChat.
var temperatures = map[string]float64{
	"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1,
	"extraction": 0, "math": 0, "coding": 0, "reasoning": 0, "arena-hard-200": 0,
}

// Temperature is FastChat's temperature for the answers of a category: 0.7 for one that it does not
// know.
func Temperature(category string) float64 {
	if t, ok := temperatures[category]; ok {
		return t
	}
	return 0.7
}

// readQuestions reads the questions that are asked, with the references of the categories that have
// some.
func readQuestions(ctx context.Context, o *eval.Options) ([]Question, error) {
	docs, err := questionSet.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	asked, err := o.Documents(Name, len(docs))
	if err != nil {
		return nil, err
	}
	references, err := readReferences(ctx, o)
	if err != nil {
		return nil, err
	}
	var list []Question
	for _, i := range asked {
		q, err := newQuestion(docs[i], references)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		q.number = i
		if slices.ContainsFunc(list, func(other Question) bool { return other.ID == q.ID }) {
			return nil, fmt.Errorf("document %d: there is another question %s before it", i, q.ID)
		}
		list = append(list, q)
	}
	return list, nil
}

func newQuestion(d eval.Document, references map[string][]string) (Question, error) {
	f := eval.NewFields(d)
	q := Question{ID: f.Shown("question_id"), Category: f.Text("category"), Turns: f.Texts("turns"), doc: d}
	if f.Err() != nil {
		return q, f.Err()
	}
	if n := len(q.Turns); n < 1 || n > 2 {
		return q, fmt.Errorf("question %s has %d turns: want 1 or 2", q.ID, n)
	}
	if !slices.Contains(referenced, q.Category) {
		return q, nil
	}
	if q.Reference = references[q.ID]; q.Reference == nil {
		if v, ok := d.Get("reference"); ok && v != nil {
			q.Reference = f.Texts("reference")
		}
	}
	if n := len(q.Reference); f.Err() == nil && n > 0 && n != len(q.Turns) {
		return q, fmt.Errorf("question %s has %d turns and %d references", q.ID, len(q.Turns), n)
	}
	return q, f.Err()
}

// readReferences reads the file of reference answers beside the questions, if there is one: lines as
// those of answers. They count before the field "reference" of a question.
func readReferences(ctx context.Context, o *eval.Options) (map[string][]string, error) {
	dir := o.DataDir
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	for _, name := range referenceFiles {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); dir == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		set := eval.Source{Files: []string{name}, Columns: []string{"question_id", "choices"}}
		docs, err := set.Load(ctx, &eval.Options{DataDir: dir})
		if err != nil {
			return nil, err
		}
		return referencesOf(docs, name)
	}
	return nil, nil
}

func referencesOf(docs []eval.Document, name string) (map[string][]string, error) {
	all := map[string][]string{}
	for i, d := range docs {
		list, _ := d.Get("choices")
		choices, _ := list.([]any)
		var first []source.Field
		if len(choices) > 0 {
			first, _ = choices[0].([]source.Field)
		}
		question, answer := eval.NewFields(d), eval.NewFields(first)
		all[question.Shown("question_id")] = answer.Texts("turns")
		if err := errors.Join(question.Err(), answer.Err()); err != nil {
			return nil, fmt.Errorf("%s: row %d: want answers in \"choices\", a list whose first entry has \"turns\": %w",
				name, i+1, err)
		}
	}
	return all, nil
}

// unreferenced counts the questions that should have a reference and have none, with their
// categories.
func unreferenced(questions []Question) (n int, categories string) {
	var names []string
	for i := range questions {
		if q := &questions[i]; slices.Contains(referenced, q.Category) && len(q.Reference) == 0 {
			n++
			names = append(names, q.Category)
		}
	}
	slices.Sort(names)
	return n, strings.Join(slices.Compact(names), ", ")
}
