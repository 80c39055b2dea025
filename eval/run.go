package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// prepared is a task whose requests are made.
type prepared struct {
	*Task
	total     int // documents of the set
	shots     int
	questions []Question
	requests  []request // of all questions
	first     []int     // number of each question's first request, and of the end
}

// request is what the model is asked, as text.
type request struct {
	context, continuation string
	until                 []string
	score                 ScoreRequest
	generate              GenerateRequest
}

// Run measures the tasks. All of them are read, and their requests made, before the
// model is asked for the first time.
func Run(ctx context.Context, m Model, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &runner{model: m, o: &o}
	if o.Cache != "" {
		c, err := openCache(o.Cache)
		if err != nil {
			return nil, err
		}
		defer c.close()
		r.cache = c
	}
	e := newEncoder(o.Tokenizer, o.MaxLength)
	tasks, err := prepareAll(ctx, &o, e)
	if err != nil {
		return nil, err
	}
	report := newReport(&o, e, time.Now())
	for _, p := range tasks {
		t, err := r.measure(ctx, p, e)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", p.Name, err)
		}
		report.add(t)
	}
	report.Seconds = time.Since(report.started).Seconds()
	if o.Out != "" {
		return report, report.write(o.Out)
	}
	return report, nil
}

// check refuses options that contradict each other.
func (o *Options) check() error {
	switch {
	case o.Tokenizer == nil:
		return errors.New("the model has no tokenizer: tasks are text; convert it from a folder with a tokenizer.json")
	case o.Tokenizer.BOS() < 0 && o.Tokenizer.EOS() < 0:
		return errors.New("the tokenizer has neither a beginning nor an end of text: a document cannot begin with nothing")
	case o.MaxLength < 2:
		return fmt.Errorf("the model takes %d tokens: want at least 2", o.MaxLength)
	case len(o.Tasks) == 0:
		return fmt.Errorf("no task is named: want some of %v, or files of tasks of one's own", TaskNames())
	case o.Limit != 0 && o.Samples != nil:
		return errors.New("--limit and --samples both say which documents to ask: give one of them")
	case o.Limit < 0 || math.IsNaN(o.Limit):
		return fmt.Errorf("--limit %g: want a number of documents, or a share below 1", o.Limit)
	case o.FewshotMultiturn && !o.ApplyChatTemplate:
		return errors.New("--fewshot-as-multiturn makes turns of a chat: it needs --apply-chat-template")
	case o.Cache != "" && o.Fingerprint == "":
		return errors.New("a cache of requests needs the fingerprint of the model: results of two models must not mix")
	}
	return nil
}

func prepareAll(ctx context.Context, o *Options, e *encoder) ([]*prepared, error) {
	tasks, err := o.findTasks()
	if err != nil {
		return nil, err
	}
	var out []*prepared
	for _, t := range tasks {
		p, err := t.prepare(ctx, o, e)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", t.Name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// findTasks finds the tasks and refuses those that cannot run together, or at all.
func (o *Options) findTasks() ([]*Task, error) {
	var tasks []*Task
	named := func(name string) bool {
		return slices.ContainsFunc(tasks, func(t *Task) bool { return t.Name == name })
	}
	for _, name := range o.Tasks {
		if name == BitsPerByte {
			tasks = append(tasks, heldOut)
			continue
		}
		t, err := findTask(name)
		if err != nil {
			return nil, err
		}
		if t.Answers.RunCode && o.Sandbox == nil {
			return nil, fmt.Errorf("task %s runs Python programs that the model writes: allow it with --allow-code-execution", t.Name)
		}
		if named(t.Name) {
			return nil, fmt.Errorf("two tasks have the name %q: their results would have the same key", t.Name)
		}
		tasks = append(tasks, t)
	}
	for name := range o.Samples {
		if !named(name) {
			return nil, fmt.Errorf("--samples names the task %q, which is not among those to run", name)
		}
	}
	return tasks, nil
}

// prepare reads the documents of a task and makes its requests.
func (t *Task) prepare(ctx context.Context, o *Options, e *encoder) (*prepared, error) {
	if t == heldOut {
		return prepareHeldOut(o, e)
	}
	docs, err := t.Test.load(ctx, o)
	if err != nil {
		return nil, err
	}
	asked, err := o.asked(t.Name, len(docs))
	if err != nil {
		return nil, err
	}
	shots, err := newShotDrawer(ctx, t, o, docs)
	if err != nil {
		return nil, err
	}
	p := &prepared{Task: t, total: len(docs), shots: shots.count}
	for _, id := range asked {
		q, err := t.ask(docs[id])
		if err == nil {
			err = p.add(o, e, q, id, shots)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", id, err)
		}
	}
	p.first = append(p.first, len(p.requests))
	return p, nil
}

// asked are the numbers of the documents that are asked.
func (o *Options) asked(task string, n int) ([]int, error) {
	picked, some := o.Samples[task]
	if some && len(picked) == 0 {
		return nil, errors.New("--samples names no document of it")
	}
	if some {
		picked = slices.Compact(slices.Sorted(slices.Values(picked)))
		if picked[0] < 0 || picked[len(picked)-1] >= n {
			return nil, fmt.Errorf("--samples asks for documents %d to %d: there are %d, from 0 on", picked[0], picked[len(picked)-1], n)
		}
		return picked, nil
	}
	for i := range limit(o.Limit, n) {
		picked = append(picked, i)
	}
	return picked, nil
}

// limit is how many of n documents are asked.
func limit(l float64, n int) int {
	if l <= 0 {
		return n
	}
	if l < 1 {
		return int(math.Ceil(l * float64(n)))
	}
	return int(min(l, float64(n)))
}

// add makes the requests of a question.
func (p *prepared) add(o *Options, e *encoder, q Question, id int, shots *shotDrawer) error {
	q.id = id
	p.first = append(p.first, len(p.requests))
	p.questions = append(p.questions, q)
	if p.Kind == Rolling {
		for _, w := range e.windows(e.encode(q.Text)) {
			p.requests = append(p.requests, request{score: w})
		}
		return nil
	}
	examples, err := shots.next(q.doc)
	if err != nil {
		return err
	}
	prompts := make([]string, len(q.Contexts))
	for i, c := range q.Contexts {
		if prompts[i], err = p.prompt(o, examples, c); err != nil {
			return err
		}
	}
	if p.Kind == Generation {
		return p.addGeneration(o, e, prompts[0])
	}
	return p.addChoices(o, e, &q, prompts)
}

func (p *prepared) addGeneration(o *Options, e *encoder, prompt string) error {
	maxTokens := p.Answers.MaxTokens
	if o.MaxTokens > 0 {
		maxTokens = o.MaxTokens
	} else if maxTokens == 0 {
		maxTokens = DefaultMaxTokens
	}
	until := p.stops(e)
	g, err := e.generation(prompt, until, maxTokens)
	p.requests = append(p.requests, request{context: prompt, until: until, generate: g})
	return err
}

func (p *prepared) addChoices(o *Options, e *encoder, q *Question, prompts []string) error {
	delimiter, _ := p.delimiters()
	if o.ApplyChatTemplate {
		delimiter = ""
	}
	for i, choice := range q.Choices {
		r := request{context: prompts[0], continuation: delimiter + choice}
		if len(prompts) > 1 {
			r = request{context: prompts[i], continuation: delimiter + q.Target}
		}
		if r.score = e.pair(r.context, r.continuation); len(r.score.Targets) == 0 {
			return fmt.Errorf("choice %d, %q, has no tokens of its own after the context", i, choice)
		}
		p.requests = append(p.requests, r)
	}
	return nil
}

// measure asks the model and judges its answers.
func (r *runner) measure(ctx context.Context, p *prepared, e *encoder) (*outcome, error) {
	out := &outcome{prepared: p}
	var err error
	if p.Kind == Generation {
		requests := make([]GenerateRequest, len(p.requests))
		for i := range requests {
			requests[i] = p.requests[i].generate
		}
		var got [][]int32
		if got, out.Effort, err = r.generate(ctx, p.Name, requests); err != nil {
			return nil, err
		}
		for i, ids := range got {
			out.answers = append(out.answers, e.answer(ids, p.requests[i].until))
		}
		return out, out.judgeAnswers(ctx, r.o)
	}
	requests := make([]ScoreRequest, len(p.requests))
	for i := range requests {
		requests[i] = p.requests[i].score
	}
	if out.scores, out.Effort, err = r.score(ctx, p.Name, requests); err != nil {
		return nil, err
	}
	switch {
	case p.Task == heldOut:
		out.judgeHeldOut()
	case p.Kind == Rolling:
		out.judgeRolling()
	default:
		out.judgeChoices()
	}
	return out, nil
}
