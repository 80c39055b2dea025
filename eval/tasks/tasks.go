// Package tasks has the tasks of lm-evaluation-harness, each in a file of its own, and finds
// tasks by their names. Beside them are filters and tasks that read answers in other forms; their
// names are none of the harness's. The package uses nothing of package eval that others cannot use.
package tasks

import (
	"fmt"
	"path/filepath"
	"slices"

	"trit/eval"
	"trit/internal/nearest"
	"trit/setting"
)

// All returns the built-in tasks. A new one is added here.
func All() []eval.Task {
	return []eval.Task{
		heldOut, arcEasy, arcChallenge, boolQ, winogrande, hellaSwag, piqa, openBookQA,
		gsm8k, gsm8kCot, math500, humanEval, humanEvalFenced, humanEvalPlus, humanEvalPlusFenced, wikiText,
	}
}

// otherNames are second names of built-in tasks.
var otherNames = map[string]string{"hendrycks_math500": math500.Name}

// Names lists the built-in tasks.
func Names() []string {
	var names []string
	for _, t := range All() {
		names = append(names, t.Name)
	}
	return names
}

// Find returns tasks by their names. A name is the name of a built-in task, or the path of a
// JSON or YAML file that declares one (see eval.Declaration). A built-in task gets the name by
// which it was found.
func Find(names ...string) ([]eval.Task, error) {
	var found []eval.Task
	for _, name := range names {
		t, err := find(name)
		if err != nil {
			return nil, err
		}
		found = append(found, *t)
	}
	return found, nil
}

func find(name string) (*eval.Task, error) {
	builtin := name
	if other, ok := otherNames[name]; ok {
		builtin = other
	}
	all := All()
	if i := slices.IndexFunc(all, func(t eval.Task) bool { return t.Name == builtin }); i >= 0 {
		all[i].Name = name
		return &all[i], nil
	}
	if slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name)) {
		return eval.ReadTask(name)
	}
	return nil, unknown(name)
}

// otherWords are words of other tools for built-in tasks.
var otherWords = map[string]string{
	"arc": arcEasy.Name, "arc_c": arcChallenge.Name, "arc_e": arcEasy.Name, "hs": hellaSwag.Name, "obqa": openBookQA.Name,
	"ppl": heldOut.Name, "perplexity": heldOut.Name, "bpb": heldOut.Name, "wikitext2": wikiText.Name, "math": math500.Name,
}

// unknown is the error of a name that no task has.
func unknown(name string) error {
	if name == "mt_bench" {
		return setting.Needs("eval.Options.Tasks", "another model judges the answers to mt_bench",
			"{mtbench.Run} measures it")
	}
	e := setting.Needs("eval.Options.Tasks", fmt.Sprintf("there is no task %q", name), "")
	if e.Remedy = nearest.Question(name, Names(), otherWords); e.Remedy == "" {
		e.Remedy = "{tasks.Names} shows all, or name a JSON or YAML file that declares one"
	}
	return e
}

// must panics on an error. It is for expressions of this package, which are known to compile.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
