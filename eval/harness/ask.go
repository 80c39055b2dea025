package harness

import (
	"errors"
	"fmt"
	"slices"

	"trit/eval"
)

// shape is what the harness finds out from the first document of a set, for all of them.
type shape struct {
	columns []string
	inputs  bool // doc_to_text is the number of the choice, and the choices are the contexts
	targets bool // doc_to_target is a list of right answers
	err     error
}

func (c *config) shapeOf(first eval.Document) shape {
	f := &filler{doc: first}
	for _, field := range first {
		f.columns = append(f.columns, field.Name)
	}
	s := shape{columns: f.columns}
	text, err := f.textValue(c.ask.text, c.ask.hasChoices())
	if err == nil {
		_, isNumber := whole(text)
		s.inputs = isNumber && c.ask.hasChoices()
		var target any
		target, err = f.targetValue(c.ask.target, c.ask.hasChoices())
		list, isList := target.([]any)
		s.targets = isList && len(list) > 0
	}
	s.err = err
	return s
}

// asker makes a question of one document. The first error goes to the document's fields.
type asker struct {
	*config
	*filler
	shape  shape
	fields *eval.Fields
}

func (c *config) asker(f *eval.Fields, s shape) *asker {
	a := &asker{c, &filler{doc: f.Document(), columns: s.columns}, s, f}
	a.must(s.err)
	return a
}

func (a *asker) must(err error) {
	if err != nil {
		a.fields.Failf("%w", err)
	}
}

// whole is a value that Python holds for an int.
func whole(v any) (int, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), true
	case bool:
		return map[bool]int{true: 1}[v], true
	case interface{ Int64() (int64, error) }:
		n, err := v.Int64()
		return int(n), err == nil
	}
	return 0, false
}

// question is what the document asks.
func (a *asker) question() (out eval.Question) {
	a.must(a.checkColumns())
	if a.fields.Err() != nil {
		return out
	}
	var err error
	if out.Prefix, err = a.prefixText(a.prefix); err == nil {
		err = a.fill(&out)
	}
	a.must(err)
	return out
}

// checkColumns refuses documents of different fields: the library that reads them for the harness
// makes them equal.
func (a *asker) checkColumns() error {
	for _, name := range a.columns {
		if _, ok := a.doc.Get(name); !ok {
			return fmt.Errorf("it has no field %q, which the first document has; give it the value null", name)
		}
	}
	for _, field := range a.doc {
		if !slices.Contains(a.columns, field.Name) {
			return fmt.Errorf("it has a field %q, which the first document has not; give it the value null there", field.Name)
		}
	}
	if slices.Contains(a.columns, a.description) {
		return fmt.Errorf("description: %q is a field of the documents, which the harness would take", a.description)
	}
	return nil
}

// prefixText is gen_prefix, "" for none.
func (a *asker) prefixText(t *template) (string, error) {
	if t == nil {
		return "", nil
	}
	v, err := a.value(t)
	s, ok := v.(string)
	if err == nil && !ok && v != nil {
		err = fmt.Errorf("gen_prefix is %s: want a text", a.repr(v))
	}
	return s, err
}

// fill sets what a question of the kind has.
func (a *asker) fill(out *eval.Question) error {
	target, err := a.targetValue(a.ask.target, a.ask.hasChoices())
	if err != nil {
		return err
	}
	if a.kind == eval.Rolling {
		out.Text, err = a.mustText("doc_to_target", target)
		return err
	}
	text, err := a.textValue(a.ask.text, a.ask.hasChoices())
	if err != nil {
		return err
	}
	var choices []string
	if a.ask.hasChoices() {
		if choices, err = a.choiceValue(&a.ask); err != nil {
			return err
		}
	}
	if a.shape.inputs {
		return a.fillInputs(out, text, target, choices)
	}
	context, err := a.mustText("doc_to_text", text)
	if err != nil {
		return err
	}
	out.Contexts = []string{context}
	switch a.kind {
	case eval.MultipleChoice:
		return a.fillChoices(out, target, choices)
	case eval.LogLikelihood:
		out.Target, err = a.mustText("doc_to_target", target)
		return err
	}
	return a.fillAnswer(out, target, choices)
}

func (a *asker) mustText(key string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is %s: want a text", key, a.repr(v))
	}
	return s, nil
}

// fillInputs is a question whose choices are the contexts.
func (a *asker) fillInputs(out *eval.Question, text, target any, choices []string) error {
	gold, ok := whole(text)
	if !ok || a.kind != eval.MultipleChoice {
		return fmt.Errorf("doc_to_text is %s: want a text, or the number of a choice in all documents of multiple_choice",
			a.repr(text))
	}
	out.Contexts, out.Choices, out.Gold, out.Target = choices, choices, gold, a.repr(target)
	return nil
}

// fillChoices sets choices and which are right.
func (a *asker) fillChoices(out *eval.Question, target any, choices []string) error {
	out.Choices = choices
	list, isList := target.([]any)
	switch {
	case a.shape.targets != isList:
		return fmt.Errorf("doc_to_target is %s, but of another kind in the first document", a.repr(target))
	case !isList:
		var err error
		out.Gold, err = a.choiceNumber(target, choices)
		return err
	}
	out.Right = make([]bool, len(choices))
	for i, e := range list {
		n, ok := whole(e)
		if !ok || n < 0 || n >= len(choices) {
			return fmt.Errorf("doc_to_target: %s is not the number of one of %d choices", a.repr(e), len(choices))
		}
		if out.Right[n] = true; i == 0 {
			out.Gold = n
		}
	}
	return nil
}

// choiceNumber is the number of the right choice, which may be given as its text.
func (a *asker) choiceNumber(target any, choices []string) (int, error) {
	n, ok := whole(target)
	if s, isText := target.(string); isText {
		n, ok = slices.Index(choices, s), true
	}
	if !ok || n < 0 || n >= len(choices) {
		return 0, fmt.Errorf("doc_to_target is %s: want one of the %d choices, or its number", a.repr(target), len(choices))
	}
	return n, nil
}

// fillAnswer sets the right answers of a question of generation.
func (a *asker) fillAnswer(out *eval.Question, target any, choices []string) error {
	if a.needChoices() {
		out.Choices = a.fields.Texts("choices")
	}
	list, isList := target.([]any)
	switch {
	case choices != nil:
		n, ok := whole(target)
		if !ok || n < 0 || n >= len(choices) {
			return fmt.Errorf("doc_to_target is %s: want the number of one of %d choices", a.repr(target), len(choices))
		}
		out.Target = choices[n]
	case a.shape.targets && !isList:
		return fmt.Errorf("doc_to_target is %s, but a list in the first document", a.repr(target))
	case a.shape.targets:
		out.Targets = []string{}
		for _, e := range list {
			s, err := a.mustText("doc_to_target", e)
			if err != nil {
				return err
			}
			out.Targets = append(out.Targets, s)
		}
		if len(list) > 0 {
			out.Target = out.Targets[0]
		}
	default:
		out.Target = a.repr(target)
	}
	return nil
}

// example is what the document shows, with its answer, before a question.
func (a *asker) example() (out eval.Question) {
	if a.fields.Err() != nil {
		return out
	}
	ask, prefix := a.ask, a.fewshot.prefix
	if a.fewshot.ask.text != nil {
		ask.text = a.fewshot.ask.text
	}
	if a.fewshot.ask.target != nil {
		ask.target = a.fewshot.ask.target
	}
	if a.fewshot.ask.hasChoices() {
		ask.choice, ask.choices = a.fewshot.ask.choice, a.fewshot.ask.choices
	}
	if prefix == nil {
		prefix = a.prefix
	}
	text, answer, err := a.shownBy(&ask)
	if err == nil {
		out.Prefix, err = a.prefixText(prefix)
	}
	a.must(err)
	out.Contexts, out.Choices, out.Target = []string{text}, []string{answer}, answer
	return out
}

// shownBy are the text of an example and its answer, "" for none.
func (a *asker) shownBy(ask *templates) (shown, answer string, err error) {
	text, err := a.textValue(ask.text, a.ask.hasChoices())
	if err != nil {
		return "", "", err
	}
	target, err := a.targetValue(ask.target, a.ask.hasChoices())
	if err != nil {
		return "", "", err
	}
	var choices []string
	if ask.hasChoices() {
		if choices, err = a.choiceValue(ask); err != nil {
			return "", "", err
		}
	}
	if a.shape.inputs {
		n, ok := whole(text)
		if !ok || n < 0 || n >= len(choices) {
			return "", "", fmt.Errorf("doc_to_text is %s: want the number of one of %d choices", a.repr(text), len(choices))
		}
		text, choices = choices[n], nil
	}
	if shown, err = a.mustText("doc_to_text", text); err != nil {
		return "", "", err
	}
	answer, err = a.answerOf(target, choices)
	return shown, answer, err
}

// answerOf is the answer of an example as text.
func (a *asker) answerOf(target any, choices []string) (string, error) {
	if target == nil {
		return "", nil
	}
	if n, ok := whole(target); ok && len(choices) > 0 {
		if n < 0 || n >= len(choices) {
			return "", fmt.Errorf("doc_to_target is %d: want the number of one of %d choices", n, len(choices))
		}
		return choices[n], nil
	}
	if list, ok := target.([]any); ok {
		if len(list) == 0 {
			return "", errors.New("doc_to_target is an empty list, which no example can show")
		}
		target = list[0]
	}
	return a.mustText("doc_to_target", target)
}
