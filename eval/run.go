package eval

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"trit/lm"
	"trit/setting"
	"trit/tokenizer"
)

// prepared is a task whose requests are made.
type prepared struct {
	*Task
	total      int // documents of the set
	numFewshot int
	questions  []question
	requests   []request // of all questions
	first      []int     // by question, index of its first request; then len(requests)
	template   TemplateRemarks
	leaked     int // questions that stand among their own examples
}

// request is a request to the model, as text and as tokens.
type request struct {
	context, continuation string
	until                 []string           // texts that end the answer
	score                 lm.ScoreRequest    // of tasks that score
	generate              lm.ContinueRequest // of tasks that generate
	cut                   int                // tokens cut off on the left
}

// Run measures a model with tasks. It reads all tasks and makes their requests before it asks
// the model for the first time.
func Run(ctx context.Context, m lm.Model, o Options) (*Report, error) {
	if err := o.check(m); err != nil {
		return nil, err
	}
	out, err := openOutput(&o)
	if err != nil {
		return nil, err
	}
	report := newReport(&o, time.Now())
	report.kept, report.Kept = out.kept(o.Tasks)
	o.Tasks = out.missing(o.Tasks)
	if err := out.check(report); err != nil {
		return nil, err
	}
	r := &runner{model: m, o: &o}
	if r.cache, err = out.cache(&o); err != nil {
		return nil, err
	}
	defer r.cache.close()
	e := newEncoder(o.Tokenizer, o.MaxLength)
	tasks, err := o.Prompts.prepare(ctx, &o, e)
	if err != nil {
		return nil, err
	}
	report.started = time.Now()
	for _, p := range tasks {
		t, err := r.measure(ctx, p, e)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", p.Name, err)
		}
		report.add(t)
	}
	report.addGroups()
	report.Seconds = time.Since(report.started).Seconds()
	if o.Out == "" {
		return report, nil
	}
	if len(tasks) > 0 {
		if err := out.write(report); err != nil {
			return report, err
		}
	}
	r.cache.close()
	return report, out.done(&o)
}

// prepare reads the documents of a task and makes its requests.
func (t *Task) prepare(ctx context.Context, o *Options, e *encoder) (*prepared, error) {
	if t.Tokens != nil {
		return t.prepareTokens(ctx, o, e)
	}
	docs, err := t.Test.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	if t.Fit != nil {
		fitted := *t
		t = &fitted
		t.Fit(t, docs[0])
	}
	asked, err := o.Documents(t.Name, len(docs))
	if err != nil {
		return nil, err
	}
	examples, err := newExamples(ctx, t, o, docs)
	if err != nil {
		return nil, err
	}
	p := &prepared{Task: t, total: len(docs), numFewshot: examples.count}
	for _, id := range asked {
		q, err := t.question(docs[id])
		if err == nil {
			q.id = id
			err = p.add(o, e, q, examples)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", id, err)
		}
	}
	p.first = append(p.first, len(p.requests))
	return p, nil
}

// Documents returns the numbers of the documents that are asked, of the n documents of a task.
func (o *Options) Documents(task string, n int) ([]int, error) {
	picked, some := o.Samples[task]
	if some && len(picked) == 0 {
		return nil, setting.Needs("eval.Options.Samples", "{eval.Options.Samples} names no document of it", "")
	}
	if some {
		picked = slices.Compact(slices.Sorted(slices.Values(picked)))
		if first, last := picked[0], picked[len(picked)-1]; first < 0 || last >= n {
			return nil, setting.Needs("eval.Options.Samples",
				fmt.Sprintf("{eval.Options.Samples} asks for documents %d to %d", first, last),
				fmt.Sprintf("there are %d, from 0 on", n))
		}
		return picked, nil
	}
	for i := range limit(o.Limit, n) {
		picked = append(picked, i)
	}
	return picked, nil
}

// limit is the number of documents asked, of n.
func limit(l float64, n int) int {
	if l <= 0 {
		return n
	}
	if l < 1 {
		return int(math.Ceil(l * float64(n)))
	}
	return int(min(l, float64(n)))
}

// add makes the requests of a question, with few-shot examples before it.
func (p *prepared) add(o *Options, e *encoder, q question, fewshot *examples) error {
	p.first = append(p.first, len(p.requests))
	p.questions = append(p.questions, q)
	if p.Kind == Rolling {
		for _, w := range e.windows(e.encode(q.Text)) {
			p.requests = append(p.requests, request{score: w})
		}
		return nil
	}
	examples, err := fewshot.next(q.doc)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(examples, func(x question) bool { return slices.Equal(x.Contexts, q.Contexts) }) {
		p.leaked++
	}
	prompts := make([]string, len(q.Contexts))
	for i, c := range q.Contexts {
		if prompts[i], err = p.ask(o, examples, &q.Question, c); err != nil {
			return err
		}
	}
	switch p.Kind {
	case Generation:
		return p.addGeneration(o, e, prompts[0])
	case LogLikelihood:
		return p.addAnswer(o, e, prompts[0], q.Target)
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
	g, cut, err := e.generation(prompt, until, maxTokens)
	if err == nil && cut > 0 && o.StrictLength {
		return tooLong(fmt.Sprintf("the prompt has %d tokens and the answer up to %d: the context length is %d",
			len(g.Prompt)+cut, maxTokens, e.maxLength))
	}
	p.requests = append(p.requests, request{context: prompt, until: until, generate: g, cut: cut})
	return err
}

func (p *prepared) addChoices(o *Options, e *encoder, q *question, prompts []string) error {
	delimiter := p.delimiters().Target
	if template, _ := p.chat(o); template && (q.Prefix == "" || endsInSpace(q.Prefix)) {
		delimiter = ""
	}
	for i, choice := range q.Choices {
		r := request{context: prompts[0], continuation: delimiter + choice}
		if len(prompts) > 1 {
			r = request{context: prompts[i], continuation: delimiter + q.Target}
		}
		if err := p.addPair(o, e, r, fmt.Sprintf("choice %d", i)); err != nil {
			return err
		}
	}
	return nil
}

// addAnswer makes the request of a LogLikelihood question.
func (p *prepared) addAnswer(o *Options, e *encoder, prompt, target string) error {
	return p.addPair(o, e, request{context: prompt, continuation: target}, "the target")
}

// addPair makes the tokens of a request that scores a continuation, which errors call by a name.
func (p *prepared) addPair(o *Options, e *encoder, r request, name string) error {
	if r.score, r.cut = e.pair(r.context, r.continuation); len(r.score.Targets) == 0 {
		return fmt.Errorf("%s, %q, has no tokens of its own after the context", name, r.continuation)
	}
	if r.cut > 0 && o.StrictLength {
		return tooLong(fmt.Sprintf("the context and %s have %d tokens before the last: the context length is %d",
			name, len(r.score.Input)+r.cut, e.maxLength))
	}
	p.requests = append(p.requests, r)
	return nil
}

// measure asks the model and judges its answers.
func (r *runner) measure(ctx context.Context, p *prepared, e *encoder) (*outcome, error) {
	if p.Kind == Generation {
		return r.measureAnswers(ctx, p, e)
	}
	out := &outcome{prepared: p}
	requests := make([]lm.ScoreRequest, len(p.requests))
	for i := range requests {
		requests[i] = p.requests[i].score
	}
	var err error
	if out.scores, out.Effort, err = r.score(ctx, p.Name, requests); err != nil {
		return nil, err
	}
	switch {
	case p.Tokens != nil:
		out.judgeTokens()
	case p.Kind == Rolling:
		out.judgeRolling()
	case p.Kind == LogLikelihood:
		out.judgeTargets()
	default:
		out.judgeChoices()
	}
	return out, nil
}

func (r *runner) measureAnswers(ctx context.Context, p *prepared, e *encoder) (*outcome, error) {
	out := &outcome{prepared: p}
	requests := make([]lm.ContinueRequest, len(p.requests))
	for i := range requests {
		requests[i] = p.requests[i].generate
	}
	got, effort, err := r.generate(ctx, p.Name, requests)
	if err != nil {
		return nil, err
	}
	out.Effort = effort
	for i, ids := range got {
		out.answers = append(out.answers, e.answer(ids, p.requests[i].until))
		if e.endedByLength(ids, &p.requests[i]) {
			out.byLength++
		}
	}
	return out, out.judgeAnswers(ctx, r.o.Sandbox)
}

// Prompts keeps the requests of tasks from one evaluation to the next, so that models with the same
// tokenizer and the same MaxLength share the reading and the tokenising. The evaluations may differ in
// the model and in where results go, and in no other option. The zero value is ready to use.
type Prompts struct {
	tokenizer tokenizer.Vocab
	maxLength int
	tasks     map[string]*prepared
}

// prepare reads the tasks of the options and makes their requests, those that p lacks.
func (p *Prompts) prepare(ctx context.Context, o *Options, e *encoder) (tasks []*prepared, err error) {
	if p == nil {
		p = &Prompts{}
	}
	if v := o.Tokenizer.Vocab(); p.maxLength != o.MaxLength || !reflect.DeepEqual(p.tokenizer, v) {
		*p = Prompts{v, o.MaxLength, map[string]*prepared{}}
	}
	for i := range o.Tasks {
		t := &o.Tasks[i]
		if p.tasks[t.Name] == nil {
			if p.tasks[t.Name], err = t.prepare(ctx, o, e); err != nil {
				delete(p.tasks, t.Name)
				return nil, fmt.Errorf("task %s: %w", t.Name, err)
			}
		}
		tasks = append(tasks, p.tasks[t.Name])
	}
	return tasks, nil
}
