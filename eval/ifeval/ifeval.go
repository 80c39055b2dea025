// Package ifeval checks whether answers follow instructions that a program can verify: IFEval (Zhou and
// others, arXiv 2311.07911), with its 25 kinds of instructions, as lm-evaluation-harness judges them.
package ifeval

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"trit/data/source"
	"trit/eval"
	"trit/eval/internal/python"
)

// The metrics: an answer is right if it follows all instructions of a prompt; instructions count one by
// one. The loose ones also try the answer without its first or last line, or both, and without asterisks.
const (
	PromptStrict      eval.Metric = "prompt_level_strict_acc"
	InstructionStrict eval.Metric = "inst_level_strict_acc"
	PromptLoose       eval.Metric = "prompt_level_loose_acc"
	InstructionLoose  eval.Metric = "inst_level_loose_acc"
)

var columns = []string{"prompt", "instruction_id_list", "kwargs"}

// Task is ifeval.
func Task() eval.Task {
	return eval.Task{
		Name: "ifeval", About: "IFEval: instructions whose following a program can check", Kind: eval.Generation, Version: 4,
		Test: eval.Source{
			Files: []string{"ifeval_input_data.jsonl", "input_data.jsonl"}, Columns: columns,
			Hub: "google/IFEval", Split: "train", HubColumns: columns, Rows: 541,
		},
		Ask: func(f *eval.Fields) eval.Question {
			list, err := instructionsOf(f.Document())
			if err != nil {
				f.Failf("%w", err)
			}
			return eval.Question{Contexts: []string{f.Text("prompt")}, Shown: "0", Facts: list}
		},
		Answers: eval.Answers{
			Until: []string{}, MaxTokens: 1280, Filters: []eval.Filter{eval.WholeText()}, Judge: judge,
			Metrics: []eval.Metric{PromptStrict, InstructionStrict, PromptLoose, InstructionLoose},
		},
	}
}

func judge(_ context.Context, _ eval.Sandbox, q *eval.Question, answer string) (eval.Verdict, error) {
	list := q.Facts.([]check)
	strict, loose := follows(list, answer), followsLoosely(list, answer)
	return eval.Verdict{Values: map[eval.Metric]any{
		PromptStrict: all(strict), InstructionStrict: strict, PromptLoose: all(loose), InstructionLoose: loose,
	}}, nil
}

// follows says of each instruction whether an answer follows it. A blank answer follows none.
func follows(list []check, answer string) (out []bool) {
	for _, c := range list {
		out = append(out, python.Strip(answer) != "" && c(answer))
	}
	return out
}

// followsLoosely says of each instruction whether one of the eight forms of an answer follows it.
func followsLoosely(list []check, answer string) []bool {
	lines := strings.Split(answer, "\n")
	between := func(from, to int) string {
		return python.Strip(strings.Join(lines[min(from, max(to, 0)):max(to, 0)], "\n"))
	}
	n := len(lines)
	out := make([]bool, len(list))
	for _, form := range []string{answer, between(1, n), between(0, n-1), between(1, n-1)} {
		for _, s := range []string{form, strings.ReplaceAll(form, "*", "")} {
			for i, ok := range follows(list, s) {
				out[i] = out[i] || ok
			}
		}
	}
	return out
}

func all(list []bool) bool {
	for _, ok := range list {
		if !ok {
			return false
		}
	}
	return true
}

// instructionsOf are the checks of a document.
func instructionsOf(d eval.Document) (list []check, err error) {
	f := eval.NewFields(d)
	ids := f.Texts("instruction_id_list")
	kwargs, _ := d.Get("kwargs")
	given, ok := kwargs.([]any)
	if f.Err() != nil {
		return nil, f.Err()
	}
	if !ok || len(given) != len(ids) || len(ids) == 0 {
		return nil, fmt.Errorf("field \"kwargs\" has %d elements: want one for each of %d instructions", len(given), len(ids))
	}
	for i, id := range ids {
		fields, _ := given[i].([]source.Field)
		a := &arguments{id: id, fields: fields}
		kind := checks[id]
		if kind == nil {
			return nil, fmt.Errorf("instruction %d is of the kind %q, which is none of IFEval's %d", i+1, id, len(checks))
		}
		c := kind(a)
		if a.err != nil {
			return nil, fmt.Errorf("instruction %d, %s: %w", i+1, id, a.err)
		}
		list = append(list, c)
	}
	return list, nil
}

// arguments are those of an instruction. The first that is missing or wrong is the error.
type arguments struct {
	id     string
	fields []source.Field
	err    error
}

func (a *arguments) failf(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

func (a *arguments) value(name string) any {
	for _, f := range a.fields {
		if f.Name == name && f.Value != nil {
			return f.Value
		}
	}
	a.failf("there is no argument %q in \"kwargs\"", name)
	return nil
}

func (a *arguments) text(name string) string {
	v := a.value(name)
	s, ok := v.(string)
	if v != nil && (!ok || s == "") {
		a.failf("%s is %v: want a text", name, v)
	}
	return s
}

func (a *arguments) texts(name string) (out []string) {
	v := a.value(name)
	list, ok := v.([]any)
	for _, e := range list {
		s, isText := e.(string)
		out, ok = append(out, s), ok && isText
	}
	if v != nil && (!ok || len(out) == 0) {
		a.failf("%s is %v: want a list of texts", name, v)
	}
	return out
}

// number is a count of 1 or more. Data sets write it as an integer, or as a float.
func (a *arguments) number(name string) int {
	v := a.value(name)
	n := 0.0
	switch v := v.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	case json.Number:
		n, _ = v.Float64()
	}
	if v != nil && (n < 1 || n != float64(int(n))) {
		a.failf("%s is %v: want a number of at least 1", name, v)
	}
	return int(n)
}

func (a *arguments) pattern(name, expr string) pattern {
	p, err := compile(expr, name != "postscript_marker" && name != "section_spliter")
	if err != nil {
		a.failf("%s: %w", name, err)
	}
	return p
}
