package harness

import (
	"fmt"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// pipeline is an entry of filter_list: steps that make an answer of what the model wrote.
type pipeline struct {
	name      string
	functions []string // names of the steps
	steps     []step
}

// responses are what a step works on: the answers to one question, which is one answer at first.
// take_first makes the answer itself of them; what follows it sees the characters of the answer as
// so many answers, as in Python.
type responses struct {
	items []string
	found bool // each step found what it reads
}

// step is one filter.
type step func(q *eval.Question, r *responses)

// find runs the steps, of which the last is take_first.
func (p *pipeline) find(q *eval.Question, answer string) (string, bool) {
	r := &responses{items: []string{answer}, found: true}
	for _, s := range p.steps {
		s(q, r)
	}
	return strings.Join(r.items, ""), r.found
}

// stepMakers make steps of the keys beside function.
var stepMakers = map[string]func(m *mapping) (step, error){
	"take_first":         noKeys(takeFirst),
	"take_first_k":       makeTakeFirstK,
	"majority_vote":      noKeys(majorityVote),
	"remove_whitespace":  noKeys(each(python.Strip)),
	"lowercase":          noKeys(each(python.Lower)),
	"uppercase":          noKeys(each(python.Upper)),
	"map":                makeMap,
	"regex":              makeRegex,
	"multi_choice_regex": makeMultiChoice,
}

func noKeys(s step) func(*mapping) (step, error) {
	return func(m *mapping) (step, error) { return s, m.only("filter", "function") }
}

func each(f func(string) string) step {
	return func(_ *eval.Question, r *responses) {
		for i, s := range r.items {
			r.items[i] = f(s)
		}
	}
}

// takeFirst finds nothing in an empty answer, where the harness ends with an error.
func takeFirst(_ *eval.Question, r *responses) {
	if r.found = r.found && len(r.items) > 0; len(r.items) > 0 {
		r.items = strings.Split(r.items[0], "")
	}
}

// majorityVote keeps the answer that comes most often, the first of equals.
func majorityVote(_ *eval.Question, r *responses) {
	counts, best := map[string]int{}, ""
	for _, s := range r.items {
		counts[s]++
	}
	for _, s := range r.items {
		if counts[s] > counts[best] {
			best = s
		}
	}
	r.items = []string{best}
}

func makeTakeFirstK(m *mapping) (step, error) {
	if k, _ := m.get("k"); k != any(int64(1)) {
		return nil, fmt.Errorf("filter take_first_k: k is %s: want 1; a question is answered once here", shown(k))
	}
	return func(*eval.Question, *responses) {}, m.only("filter", "function", "k")
}

func makeMap(m *mapping) (step, error) {
	v, _ := m.get("mapping_dict")
	dict, ok := v.(*mapping)
	if !ok {
		return nil, wrong("filter map: mapping_dict", v, "a mapping of texts to texts")
	}
	other, err := textOf(m, "default_value")
	if err != nil {
		return nil, fmt.Errorf("filter map: %w", err)
	}
	to := map[string]string{}
	for _, p := range dict.pairs {
		from, isText := p.key.(string)
		if !isText {
			return nil, fmt.Errorf("filter map: the key %v of mapping_dict is no text, so no answer equals it", p.key)
		}
		if to[from], err = text("filter map: mapping_dict", p.value); err != nil {
			return nil, err
		}
	}
	return each(func(s string) string {
		if out, ok := to[s]; ok {
			return out
		}
		return other
	}), m.only("filter map", "function", "mapping_dict", "default_value")
}

// textOf is the text of a key that must be there.
func textOf(m *mapping, key string) (string, error) {
	v, _ := m.get(key)
	return text(key, v)
}

// regexOf reads the keys of a regular expression, with the harness's defaults.
func regexOf(m *mapping) (eval.RegexFilter, error) {
	f := eval.RegexFilter{Regex: `#### (\-?[0-9\.\,]+)`}
	for _, p := range m.pairs {
		var err error
		switch p.key {
		case "regex_pattern":
			f.Regex, err = text("regex_pattern", p.value)
		case "group_select":
			n, ok := p.value.(int64)
			if !ok || n < -1000 || n > 1000 {
				err = wrong("group_select", p.value, "the number of a match")
			}
			f.Pick = int(n)
		case "fallback":
			var s string
			s, err = text("fallback", p.value)
			f.Fallback = &s
		}
		if err != nil {
			return f, fmt.Errorf("filter regex: %w", err)
		}
	}
	return f, nil
}

// findEach is the step of a filter that finds an answer in a text.
func findEach(f eval.Filter) step {
	return func(q *eval.Question, r *responses) {
		for i, s := range r.items {
			var found bool
			r.items[i], found = f.Find(q, s)
			r.found = r.found && found
		}
	}
}

func makeRegex(m *mapping) (step, error) {
	f, err := regexOf(m)
	if err != nil {
		return nil, err
	}
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	return findEach(filter), m.only("filter regex", "function", "regex_pattern", "group_select", "fallback")
}

func (c *config) setFilters(key string, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return wrong(key, v, "a list of filters")
	}
	for _, e := range list {
		p, err := parsePipeline(e)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if slices.ContainsFunc(c.pipelines, func(o pipeline) bool { return o.name == p.name }) {
			return fmt.Errorf("%s: the name %s comes twice", key, p.name)
		}
		c.pipelines = append(c.pipelines, p)
	}
	return nil
}

func parsePipeline(v any) (pipeline, error) {
	m, ok := v.(*mapping)
	if !ok {
		return pipeline{}, wrong("an entry", v, "a mapping with the keys name and filter")
	}
	name, err := textOf(m, "name")
	p := pipeline{name: name}
	if err != nil {
		return p, err
	}
	if name == "" || strings.ContainsRune(name, ',') {
		return p, fmt.Errorf("the name %q: want one without commas", name)
	}
	steps, _ := m.get("filter")
	list, ok := steps.([]any)
	if !ok {
		return p, wrong("filter", steps, "a list of functions")
	}
	for _, e := range list {
		s, function, err := parseStep(e)
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		p.steps, p.functions = append(p.steps, s), append(p.functions, function)
	}
	if len(list) == 0 || p.functions[len(list)-1] != "take_first" {
		return p, fmt.Errorf("%s: the functions are %v: want take_first as the last, which makes one answer of the list",
			name, p.functions)
	}
	return p, m.only("filter_list", "name", "filter")
}

func parseStep(v any) (s step, function string, err error) {
	m, ok := v.(*mapping)
	if !ok {
		return nil, "", wrong("filter", v, "a mapping with the key function in each place of the list")
	}
	if function, err = textOf(m, "function"); err != nil {
		return nil, "", err
	}
	maker := stepMakers[function]
	if maker == nil {
		return nil, function, fmt.Errorf("the filter %s is not known here", function)
	}
	s, err = maker(m)
	return s, function, err
}

// onlyTakeFirst refuses filters of a task that generates no text.
func (c *config) onlyTakeFirst() error {
	for _, p := range c.pipelines {
		if p.name != "none" || len(p.functions) > 1 {
			return fmt.Errorf("filter_list: %s %v: a task of %s has no text to filter: want none, or take_first alone",
				p.name, p.functions, c.kind)
		}
	}
	return nil
}

// needChoices reports whether a filter looks for the choices of the document.
func (c *config) needChoices() bool {
	return slices.ContainsFunc(c.pipelines, func(p pipeline) bool {
		return slices.Contains(p.functions, "multi_choice_regex")
	})
}

// filters are the pipelines as filters of answers.
func (c *config) filters() ([]eval.Filter, error) {
	if c.pipelines == nil {
		return []eval.Filter{eval.WholeText()}, nil
	}
	var out []eval.Filter
	for _, p := range c.pipelines {
		out = append(out, eval.Filter{Name: p.name, Find: p.find})
	}
	return out, nil
}
