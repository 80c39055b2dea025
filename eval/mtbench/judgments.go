package mtbench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"trit/setting"
)

// judged is a line of the file of judgments, with FastChat's keys. Key says what it depends on.
type judged struct {
	QuestionID json.RawMessage `json:"question_id"`
	Model      string          `json:"model"`
	Judge      [2]string       `json:"judge"` // model and prompt
	UserPrompt string          `json:"user_prompt"`
	Judgment   string          `json:"judgment"`
	Score      float64         `json:"score"` // NoRating if the judgment has none
	Turn       int             `json:"turn"`  // 1 or 2
	Key        string          `json:"key"`
}

// JudgmentsName is the file of judgments in the folder of results.
const JudgmentsName = "judgments.jsonl"

// NoRating is the score of a judgment without a rating from 1 to 10, as in FastChat's files. It
// counts in no mean.
const NoRating = -1

// The patterns of a rating, of which the first one counts before the second.
var ratings = []*regexp.Regexp{
	regexp.MustCompile(`\[\[(\d+\.?\d*)\]\]`),
	regexp.MustCompile(`\[(\d+\.?\d*)\]`),
}

// rating is the first rating in a judgment, NoRating if there is none from 1 to 10.
func rating(judgment string) float64 {
	for _, pattern := range ratings {
		m := pattern.FindStringSubmatch(judgment)
		if m == nil {
			continue
		}
		if v, err := strconv.ParseFloat(m[1], 64); err == nil && v >= 1 && v <= 10 {
			return v
		}
		return NoRating
	}
	return NoRating
}

// grading is an answer that the judge is asked about.
type grading struct {
	judged
	system string
}

// judgeAll has the answers judged that have no judgment yet.
func (r *run) judgeAll(ctx context.Context, questions []Question) error {
	file, err := openFolder(r.o.Out, JudgmentsName, func(g *judged) string { return g.Key })
	if err != nil {
		return err
	}
	defer file.close()
	all := r.gradings(questions)
	var todo []*grading
	for i := range all {
		if _, done := file.lines[all[i].Key]; !done {
			todo = append(todo, &all[i])
		}
	}
	p := progress{show: r.o.Progress, total: len(todo), start: time.Now()}
	if err := r.judgeEach(ctx, todo, file, &p); err != nil {
		return stopped(ctx, err, JudgmentsName)
	}
	list := make([]judged, len(all))
	for i := range all {
		list[i] = file.lines[all[i].Key]
		list[i].Score = rating(list[i].Judgment)
	}
	r.report.judgments = list
	return file.finish(list)
}

// gradings are all answers that are judged: turn by turn, as FastChat has them.
func (r *run) gradings(questions []Question) (all []grading) {
	for turn := range 2 {
		for i := range questions {
			q, a := &questions[i], &r.report.answers[i]
			if turn >= len(q.Turns) {
				continue
			}
			name, system, user := r.j.Prompts.ask(q, a.Choices[0].Turns, turn)
			all = append(all, grading{judged{
				QuestionID: a.QuestionID, Model: a.Model, Judge: [2]string{r.j.Model, name}, UserPrompt: user, Turn: turn + 1,
				Key: keyOf(r.j.Model, name, system, user, q.ID, fmt.Sprint(turn)),
			}, system})
		}
	}
	return all
}

// judgeEach asks the judge, several times at once, and keeps each judgment. The first error ends the
// others.
func (r *run) judgeEach(ctx context.Context, todo []*grading, file *saved[judged], p *progress) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	concurrent := DefaultConcurrent
	if r.j.Concurrent > 0 {
		concurrent = r.j.Concurrent
	}
	free := make(chan struct{}, concurrent)
	for _, g := range todo {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if ctx.Err() != nil {
				return
			}
			text, err := r.j.Judge.Judge(ctx, g.system, g.UserPrompt)
			if err == nil {
				g.Judgment, g.Score = text, rating(text)
				err = file.add(g.judged)
			}
			if err != nil {
				cancel(fmt.Errorf("question %s, turn %d: the judge: %w", g.QuestionID, g.Turn, err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			p.step(1)
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// openFolder opens a file of results in a folder, which it makes.
func openFolder[T any](dir, name string, key func(*T) string) (*saved[T], error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return openSaved(filepath.Join(dir, name), key)
}

// stopped is err, or if ctx has ended the error that says how to go on.
func stopped(ctx context.Context, err error, name string) error {
	if ctx.Err() == nil {
		return err
	}
	return &setting.Error{Field: "eval.Options.Out", Err: ctx.Err(),
		Problem: "stopped; the same command goes on with " + name + " in {eval.Options.Out}"}
}
