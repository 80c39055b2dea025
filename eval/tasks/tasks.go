// Package tasks has the tasks of lm-evaluation-harness, each in a file of its own, and finds
// tasks by their names. Beside them are filters and tasks that read answers in other forms; their
// names are none of the harness's. The package uses nothing of package eval that others cannot use.
package tasks

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/harness"
	"trit/eval/ifeval"
	"trit/eval/perplexity"
	"trit/eval/tasks/bbh"
	"trit/eval/tasks/gpqa"
	"trit/internal/nearest"
	"trit/setting"
)

// All returns the built-in tasks. A new one is added here.
func All() []eval.Task {
	return slices.Concat([]eval.Task{
		heldOut, arcEasy, arcChallenge, boolQ, winogrande, hellaSwag, piqa, openBookQA,
		gsm8k, gsm8kCot, math500, humanEval, humanEvalFenced, humanEvalPlus, humanEvalPlusFenced, wikiText,
		truthfulQA1, truthfulQA2, triviaQA, commonsenseQA, lambada, sciQ, race,
		ifeval.Task(),
	}, mmlu(), mmluPro(), bbh.Tasks(), gpqa.Tasks(), perplexity.Tasks())
}

// tags are the harness's names for several tasks that are no group, and the pattern of these.
var tags = map[string]string{"gpqa": "gpqa_*"}

// otherNames are second names of built-in tasks.
var otherNames = map[string]string{"hendrycks_math500": math500.Name}

// Names lists the built-in tasks and groups, each group before its members.
func Names() (names []string) {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			names, seen[name] = append(names, name), true
		}
	}
	for _, t := range All() {
		for _, g := range t.Groups {
			add(g.Name)
		}
		add(t.Name)
	}
	return names
}

// Find returns tasks by their names. A name is that of a built-in task or of a group of them, a
// pattern of such names ("mmlu_*"), the path of a JSON or YAML file that declares a task or a group (see
// eval.Declaration and package harness), or the name of a task, a group or a tag behind the folder of such
// files ("tasks/mine"). A built-in task gets the name by which it was found. A task that several names stand
// for is returned once, in the largest of the groups that are named.
func Find(names ...string) ([]eval.Task, error) {
	var found []eval.Task
	at := map[string]int{} // of built-in tasks
	for _, name := range names {
		if isDeclaration(name) || isInFolder(name) {
			list, err := declared(name)
			if err != nil {
				return nil, err
			}
			found = append(found, list...)
			continue
		}
		list, err := builtin(name)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			i, again := at[t.Name]
			switch {
			case !again:
				at[t.Name] = len(found)
				found = append(found, t)
			case len(t.Groups) > len(found[i].Groups):
				found[i] = t
			}
		}
	}
	return found, nil
}

func isDeclaration(name string) bool {
	return slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name))
}

// isInFolder reports whether a name stands behind a folder, whose files have a task, a group or a tag of it.
func isInFolder(name string) bool {
	info, err := os.Stat(filepath.Dir(name))
	return filepath.Base(name) != name && err == nil && info.IsDir()
}

// declared reads the file of a task, in either of the two forms, or of a group, or finds a name in a folder.
func declared(name string) ([]eval.Task, error) {
	switch {
	case !isDeclaration(name):
		return harness.Find(filepath.Dir(name), filepath.Base(name), named)
	case filepath.Ext(name) != ".json" && harness.Is(name):
		return harness.Read(name, named)
	}
	t, err := eval.ReadTask(name)
	if err != nil {
		return nil, err
	}
	return []eval.Task{*t}, nil
}

// builtin returns the built-in tasks of a name or a pattern.
func builtin(name string) (found []eval.Task, err error) {
	if tagged, ok := tags[name]; ok {
		name = tagged
	}
	fitting := []string{name}
	if isPattern(name) {
		fitting = slices.DeleteFunc(Names(), func(known string) bool {
			fits, bad := path.Match(name, known)
			err = cmp.Or(err, bad)
			return !fits
		})
	}
	if err != nil {
		return nil, setting.Needs("eval.Options.Tasks", fmt.Sprintf("the pattern %q: %v", name, err), "")
	}
	for _, one := range fitting {
		found = append(found, named(one)...)
	}
	if len(found) == 0 {
		return nil, unknown(name)
	}
	return found, nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// named returns the built-in task of a name, or the tasks of a group, which are then in no group above it.
func named(name string) (found []eval.Task) {
	own := name
	if other, ok := otherNames[name]; ok {
		own = other
	}
	for _, t := range All() {
		if t.Name == own {
			t.Name, t.Groups = name, nil
			return []eval.Task{t}
		}
		if i := slices.IndexFunc(t.Groups, func(g *eval.Group) bool { return g.Name == name }); i >= 0 {
			t.Groups = t.Groups[i:]
			found = append(found, t)
		}
	}
	return found
}

// otherWords are words of other tools for built-in tasks.
var otherWords = map[string]string{
	"arc": arcEasy.Name, "arc_c": arcChallenge.Name, "arc_e": arcEasy.Name, "hs": hellaSwag.Name, "obqa": openBookQA.Name,
	"ppl": heldOut.Name, "perplexity": heldOut.Name, "bpb": heldOut.Name, "wikitext2": wikiText.Name, "math": math500.Name,
}

// withExamples are groups of BIG-Bench Hard and their files.
var withExamples = map[string]string{
	"bbh":             "lm_eval/tasks/bbh/cot_fewshot/_bbh.yaml",
	"bbh_cot_fewshot": "lm_eval/tasks/bbh/cot_fewshot/_bbh_cot_fewshot.yaml",
	"bbh_fewshot":     "lm_eval/tasks/bbh/fewshot/_bbh_fewshot.yaml",
}

// unknown is the error of a name that no task has.
func unknown(name string) error {
	if name == "mt_bench" {
		return setting.Needs("eval.Options.Tasks", "another model judges the answers to mt_bench",
			"{mtbench.Run} measures it")
	}
	if file, ok := withExamples[name]; ok {
		return setting.Needs("eval.Options.Tasks", "the examples of "+name+" are in files of lm-evaluation-harness",
			"name its file "+file+", or bbh_zeroshot")
	}
	e := setting.Needs("eval.Options.Tasks", fmt.Sprintf("there is no task %q", name), "")
	if isPattern(name) {
		e.Problem, name = fmt.Sprintf("no task fits the pattern %q", name), strings.Trim(name, "*?_")
	}
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
