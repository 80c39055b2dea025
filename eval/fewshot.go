package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval/internal/python"
	"trit/setting"
	"trit/tokenizer"
)

// fewshotSeed is the harness's default seed for few-shot examples.
const fewshotSeed = 1234

// examples chooses the few-shot examples before each question of a task. It must be asked in
// the order of the documents, since one random generator draws for all of them, as in the
// harness.
type examples struct {
	task   *Task
	count  int // before each question
	pool   []Document
	keys   []string // Document.hashed of each of pool, if Fewshot.Extra
	random *python.Random
}

func (o *Options) fewshotSeed() uint32 {
	if o.FewshotSeed != nil {
		return *o.FewshotSeed
	}
	return fewshotSeed
}

// Draws reports whether a task draws its few-shot examples at random, so that the seed counts.
func (t *Task) Draws(o *Options) bool { return !t.Fewshot.First && t.examplesAsked(o) > 0 }

// examplesAsked is the number of examples before each question.
func (t *Task) examplesAsked(o *Options) int {
	if o.NumFewshot < 0 || t.Fewshot.Fixed || t.Kind == Rolling {
		return t.Fewshot.Count
	}
	return o.NumFewshot
}

// newExamples reads the documents that examples are chosen from; tested are the documents of the
// task itself.
func newExamples(ctx context.Context, t *Task, o *Options, tested []Document) (*examples, error) {
	x := &examples{task: t, count: t.examplesAsked(o), random: python.NewRandom(o.fewshotSeed()), pool: tested}
	if x.count == 0 {
		return x, nil
	}
	if err := x.readPool(ctx, o); err != nil {
		return nil, err
	}
	if x.drawCount() > len(x.pool) {
		return nil, setting.Needs("eval.Options.NumFewshot",
			fmt.Sprintf("%d examples before each question, but there are %d", x.count, len(x.pool)),
			"ask for fewer with {eval.Options.NumFewshot}")
	}
	if t.Fewshot.Extra {
		for _, d := range x.pool {
			x.keys = append(x.keys, d.hashed())
		}
	}
	return x, nil
}

func (x *examples) readPool(ctx context.Context, o *Options) error {
	if x.task.Fewshot.Examples != nil {
		x.pool = x.task.Fewshot.Examples
		return nil
	}
	from := x.task.Fewshot.From
	if from.Files == nil && from.Hub == "" {
		return nil
	}
	beside := *o
	if isFile(o.DataDir) {
		beside.DataDir = filepath.Dir(o.DataDir)
	}
	var err error
	if x.pool, err = from.Load(ctx, &beside); err != nil {
		return fmt.Errorf("its %d examples before each question: %w", x.count, err)
	}
	return nil
}

// drawCount is the number of examples drawn for a document.
func (x *examples) drawCount() int {
	if x.task.Fewshot.Extra {
		return x.count + 1
	}
	return x.count
}

// next returns the examples before the question of d, the next document.
func (x *examples) next(d Document) ([]question, error) {
	if x.count == 0 {
		return nil, nil
	}
	picked := x.pick(d)
	if len(picked) < x.count {
		return nil, fmt.Errorf("%d examples before each question: only %d of the drawn ones differ from the document",
			x.count, len(picked))
	}
	ask := x.task.Ask
	if x.task.Fewshot.Ask != nil {
		ask = x.task.Fewshot.Ask
	}
	var out []question
	for _, i := range picked[:x.count] {
		q, err := x.task.questionBy(ask, x.pool[i])
		if err != nil {
			return nil, fmt.Errorf("example %d: %w", i, err)
		}
		out = append(out, q)
	}
	return out, nil
}

// pick returns the numbers of the examples in pool, without the number of the document itself.
func (x *examples) pick(d Document) []int {
	if x.task.Fewshot.First {
		return x.first(d)
	}
	picked := x.random.Sample(len(x.pool), x.drawCount())
	if x.task.Fewshot.Extra {
		own := d.hashed()
		picked = slices.DeleteFunc(picked, func(i int) bool { return x.keys[i] == own })
	}
	return picked
}

// first returns the numbers of the first examples, without the number of the document itself.
func (x *examples) first(d Document) []int {
	var picked []int
	own := d.hashed()
	for i := 0; i < len(x.pool) && len(picked) < x.count; i++ {
		if !x.task.Fewshot.Extra || x.keys[i] != own {
			picked = append(picked, i)
		}
	}
	return picked
}

// turn is a message of a conversation; delimiter follows it if there is no chat template.
type turn struct{ role, content, delimiter string }

// turns are the description of the task, the examples, and a context of the question.
func (t *Task) turns(examples []question, q *Question, context string) []turn {
	d := t.delimiters()
	var out []turn
	if t.Description != "" {
		out = append(out, turn{"system", t.Description, ""})
	}
	for i := range examples {
		text, answer := examples[i].example()
		out = append(out, d.exchange(text, examples[i].Prefix, answer)...)
	}
	if len(q.Contexts) > 1 {
		d.Target = ""
	}
	return append(out, d.exchange(context, q.Prefix, "")...)
}

// exchange is a question and its answer, or what the answer begins with, if there is one.
func (d Delimiters) exchange(text, prefix, answer string) []turn {
	switch {
	case prefix == "" && answer == "":
		return []turn{{"user", text, ""}}
	case prefix == "":
		return []turn{{"user", text, d.Target}, {"assistant", answer, d.Fewshot}}
	}
	if text == "" || endsInSpace(text) || beginsWithSpace(prefix) {
		d.Target = ""
	}
	if answer == "" {
		return []turn{{"user", text, d.Target}, {"assistant", prefix, ""}}
	}
	if !endsInSpace(prefix) && !beginsWithSpace(answer) {
		prefix += " "
	}
	return []turn{{"user", text, d.Target}, {"assistant", prefix + answer, d.Fewshot}}
}

func endsInSpace(s string) bool { return s != strings.TrimRightFunc(s, python.Space) }

func beginsWithSpace(s string) bool { return s != strings.TrimLeftFunc(s, python.Space) }

// ask returns the whole text before the answer, and notes how a chat template fits it.
func (p *prepared) ask(o *Options, examples []question, q *Question, context string) (string, error) {
	turns := p.turns(examples, q, context)
	template, multiturn := p.chat(o)
	if !template {
		return joined(turns), nil
	}
	messages := messages(turns, multiturn)
	prompt, err := o.Tokenizer.ApplyChat(tokenizer.ChatRequest{Messages: messages, AddGenerationPrompt: q.Prefix == ""})
	if err != nil {
		return "", templateError(err, multiturn && len(messages) > 1)
	}
	p.template.note(o.Tokenizer, messages, prompt)
	return upTo(prompt, q.Prefix)
}

// upTo cuts a prompt behind the prefix of the answer, which is its last message, as transformers
// does to go on from there. Where the template takes the space off its end, the prompt has none.
func upTo(prompt, prefix string) (string, error) {
	bare := python.Strip(prefix)
	at := strings.LastIndex(prompt, bare)
	switch {
	case prefix == "":
		return prompt, nil
	case at < 0:
		return "", fmt.Errorf("the chat template does not print the beginning of the answer, %q", prefix)
	case !beginsWithSpace(prefix) && strings.HasPrefix(prompt[at:], prefix):
		return prompt[:at+len(prefix)], nil
	}
	return prompt[:at+len(bare)], nil
}

// joined is the text of turns without a chat template.
func joined(turns []turn) string {
	var text strings.Builder
	for _, u := range turns {
		text.WriteString(u.content + u.delimiter)
	}
	return text.String()
}

// messages are turns as those of a chat: each one of its own, or all but the system's as one of the user.
func messages(turns []turn, each bool) (out []tokenizer.Message) {
	if !each && turns[0].role == "system" {
		out, turns = append(out, tokenizer.Message{Role: "system", Content: turns[0].content}), turns[1:]
	}
	if last := len(turns) - 1; !each && turns[last].role == "assistant" { // what the answer begins with
		turns[last-1].delimiter = ""
		return append(out, tokenizer.Message{Role: "user", Content: joined(turns[:last])},
			tokenizer.Message{Role: "assistant", Content: turns[last].content})
	}
	if !each {
		return append(out, tokenizer.Message{Role: "user", Content: joined(turns)})
	}
	for _, u := range turns {
		out = append(out, tokenizer.Message{Role: u.role, Content: u.content})
	}
	return out
}
