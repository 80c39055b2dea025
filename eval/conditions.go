package eval

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// conditions are the keys of a results file that say how its tasks were asked.
type conditions struct {
	Numbers  map[string]int      `json:"n-shot"`
	Counts   map[string]Counts   `json:"n-samples"`
	Subtasks map[string][]string `json:"group_subtasks"`
	Versions map[string]any      `json:"versions"`
	Config   map[string]any      `json:"config"`
	Template any                 `json:"chat_template_sha"`
	Turns    any                 `json:"fewshot_as_multiturn"`
	System   any                 `json:"system_instruction_sha"`
	Length   any                 `json:"max_length"`
	EOS      any                 `json:"tokenizer_eos_token"`
	BOS      any                 `json:"tokenizer_bos_token"`
	Named    string              `json:"model_name"`
	Date     float64             `json:"date"`
	Trit     struct {
		Made   map[string]string `json:"made"`
		Errors map[string]Errors `json:"errors"`
	} `json:"trit"`
}

// Differences say in what the tasks of two evaluations were asked in another way, a line each.
func (e *Evaluation) Differences(b *Evaluation) []string {
	out := []string{}
	note := func(what string, x, y any) {
		// What one of the two does not say is no difference.
		if x != nil && y != nil && fmt.Sprint(x) != fmt.Sprint(y) {
			out = append(out, fmt.Sprintf("%s: A %s, B %s", what, short(x), short(y)))
		}
	}
	note("chat templates differ", orNone(e.Template), orNone(b.Template))
	note("turns of examples differ", e.Turns, b.Turns)
	note("system prompts differ", orNone(e.System), orNone(b.System))
	note("context lengths differ", e.Length, b.Length)
	note("tokenizers differ in the end of a text", e.EOS, b.EOS)
	note("tokenizers differ in the beginning of a text", e.BOS, b.BOS)
	for _, key := range []string{"limit", "gen_kwargs"} {
		note(key+" differs", orNone(e.Config[key]), orNone(b.Config[key]))
	}
	note("seeds of examples differ", e.Config["fewshot_seed"], b.Config["fewshot_seed"])
	for _, task := range sortedKeys(e.results) {
		if b.results[task] == nil {
			continue
		}
		note(task+": versions differ", e.Versions[task], b.Versions[task])
		note(task+": numbers of examples differ", e.shots(task), b.shots(task))
		note(task+": numbers of documents differ", e.documents(task), b.documents(task))
		out = append(out, differentHashes(task, e.samples[task], b.samples[task])...)
	}
	return out
}

func orNone(v any) any {
	if v == nil {
		return "none"
	}
	return v
}

func (c *conditions) shots(task string) any {
	if n, ok := c.Numbers[task]; ok {
		return n
	}
	return nil
}

func (c *conditions) documents(task string) any {
	if n, ok := c.Counts[task]; ok {
		return n.Effective
	}
	return nil
}

// differentHashes counts the documents of a task that are others, or were asked otherwise. All metrics
// have the same documents, so the first that both have tells.
func differentHashes(task string, a, b map[string]map[int]sampleValue) (out []string) {
	for _, metric := range slices.Sorted(maps.Keys(a)) {
		if b[metric] == nil {
			continue
		}
		both, docs, prompts, targets := 0, 0, 0, 0
		for id, x := range a[metric] {
			y, ok := b[metric][id]
			if !ok {
				continue
			}
			both++
			docs += differ(x.hash, y.hash)
			prompts += differ(x.prompt, y.prompt)
			targets += differ(x.target, y.target)
		}
		for _, c := range []struct {
			what string
			n    int
		}{{"documents", docs}, {"prompts", prompts}, {"right answers", targets}} {
			if c.n > 0 {
				out = append(out, fmt.Sprintf("%s: the %s of %d of %d documents differ", task, c.what, c.n, both))
			}
		}
		return out
	}
	return nil
}

// differ is 1 if two hashes are known and differ.
func differ(a, b string) int {
	if a != "" && b != "" && a != b {
		return 1
	}
	return 0
}

// members are the tasks of a group, those of its groups too; none of a task.
func (c *conditions) members(group string) (tasks []string) {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if len(c.Subtasks[name]) == 0 && name != group {
			tasks = append(tasks, name)
		}
		for _, inside := range c.Subtasks[name] {
			visit(inside)
		}
	}
	visit(group)
	slices.Sort(tasks)
	return tasks
}

// Errors are the standard errors of a task or a group that the harness does not give.
func (e *Evaluation) Errors(task string) Errors { return e.Trit.Errors[task] }

// Model is the name of the model.
func (e *Evaluation) Model() string { return e.Named }

// Made says what made the results: model, date, command and whatever Options.Made said.
func (e *Evaluation) Made() map[string]string {
	made := maps.Clone(e.Trit.Made)
	if made == nil {
		made = map[string]string{}
	}
	if args := e.Config["model_args"]; args != nil {
		made["model arguments"] = fmt.Sprint(args)
	}
	if e.Date > 0 {
		made["date"] = time.Unix(int64(e.Date), 0).UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return made
}

// Shots is the number of examples before each question of a task, nil where the results do not say.
func (e *Evaluation) Shots(task string) any { return e.shots(task) }

// Documents is the number of documents of a task that were asked, nil where the results do not say.
func (e *Evaluation) Documents(task string) any { return e.documents(task) }
