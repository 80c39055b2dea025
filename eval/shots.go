package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"trit/tokenizer"
)

// fewshotSeed is the harness's --seed for examples.
const fewshotSeed = 1234

// shotDrawer draws the examples before each question of a task, in the order in which
// the documents are asked: the harness keeps one generator for all of them.
type shotDrawer struct {
	task   *Task
	count  int
	pool   []Document
	keys   []string // hashed of each, where documents have to be compared
	random *pyRandom
}

// shotCount is how many examples the task takes.
func (t *Task) shotCount(o *Options) int {
	if o.NumFewshot < 0 || t.Shots.Fixed || t.Kind == Rolling {
		return t.Shots.Count
	}
	return o.NumFewshot
}

// newShotDrawer reads the examples that are drawn from; tested are the documents of the
// task itself.
func newShotDrawer(ctx context.Context, t *Task, o *Options, tested []Document) (*shotDrawer, error) {
	s := &shotDrawer{task: t, count: t.shotCount(o), random: newPyRandom(fewshotSeed), pool: tested}
	if s.count == 0 {
		return s, nil
	}
	if t.Shots.Examples != nil {
		s.pool = t.Shots.Examples
	} else if from := t.Shots.From; from.Files != nil || from.Hub != "" {
		beside := *o
		if isFile(o.DataDir) {
			beside.DataDir = filepath.Dir(o.DataDir)
		}
		var err error
		if s.pool, err = from.load(ctx, &beside); err != nil {
			return nil, fmt.Errorf("its %d examples before each question: %w", s.count, err)
		}
	}
	if n := s.draws(); n > len(s.pool) {
		return nil, fmt.Errorf("%d examples before each question, of %d that there are: ask for fewer with --num-fewshot", s.count, len(s.pool))
	}
	if t.Shots.Extra {
		for _, d := range s.pool {
			s.keys = append(s.keys, d.hashed())
		}
	}
	return s, nil
}

// draws is how many examples are drawn for a document.
func (s *shotDrawer) draws() int {
	if s.task.Shots.Extra {
		return s.count + 1
	}
	return s.count
}

// next gives the examples for the next document.
func (s *shotDrawer) next(d Document) ([]Question, error) {
	if s.count == 0 {
		return nil, nil
	}
	var picked []int
	if s.task.Shots.First {
		picked = s.first(d)
	} else {
		picked = s.random.sample(len(s.pool), s.draws())
		if s.task.Shots.Extra {
			own := d.hashed()
			picked = slices.DeleteFunc(picked, func(i int) bool { return s.keys[i] == own })
		}
	}
	if len(picked) < s.count {
		return nil, fmt.Errorf("%d examples before each question: of those drawn only %d differ from the document", s.count, len(picked))
	}
	var out []Question
	for _, i := range picked[:s.count] {
		q, err := s.task.ask(s.pool[i])
		if err != nil {
			return nil, fmt.Errorf("example %d: %w", i, err)
		}
		out = append(out, q)
	}
	return out, nil
}

// first are the first examples, less the document itself.
func (s *shotDrawer) first(d Document) []int {
	var picked []int
	own := d.hashed()
	for i := 0; i < len(s.pool) && len(picked) < s.count; i++ {
		if !s.task.Shots.Extra || s.keys[i] != own {
			picked = append(picked, i)
		}
	}
	return picked
}

// turn is a message, and what follows it where there is no chat template.
type turn struct{ role, content, delimiter string }

// turns are the examples and the context of the question.
func (t *Task) turns(examples []Question, context string) []turn {
	target, fewshot := t.delimiters()
	var out []turn
	for i := range examples {
		text, answer := examples[i].example()
		if answer == "" {
			out = append(out, turn{"user", text, ""})
			continue
		}
		out = append(out, turn{"user", text, target}, turn{"assistant", answer, fewshot})
	}
	return append(out, turn{"user", context, ""})
}

// prompt is the whole text before the answer.
func (t *Task) prompt(o *Options, examples []Question, context string) (string, error) {
	turns := t.turns(examples, context)
	var text strings.Builder
	for _, u := range turns {
		text.WriteString(u.content + u.delimiter)
	}
	if !o.ApplyChatTemplate {
		return text.String(), nil
	}
	messages := []tokenizer.Message{{Role: "user", Content: text.String()}}
	if o.FewshotMultiturn {
		messages = nil
		for _, u := range turns {
			messages = append(messages, tokenizer.Message{Role: u.role, Content: u.content})
		}
	}
	return o.Tokenizer.ApplyChat(tokenizer.ChatRequest{Messages: messages, AddGenerationPrompt: true})
}
