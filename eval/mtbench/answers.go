package mtbench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"trit/eval"
	"trit/lm"
	"trit/tokenizer"
)

// answered is a line of the file of answers, with FastChat's keys. Key says what the answers depend
// on.
type answered struct {
	QuestionID json.RawMessage `json:"question_id"`
	Key        string          `json:"answer_id"`
	Model      string          `json:"model_id"`
	Choices    []turnTexts     `json:"choices"`
	Cut        []int           `json:"cut_tokens"` // by turn: tokens of the prompt that did not fit
	ByLength   []bool          `json:"ended_by_length"`
}

type turnTexts struct {
	Index int      `json:"index"`
	Turns []string `json:"turns"`
}

// AnswersName is the file of answers in the folder of results.
const AnswersName = "answers.jsonl"

// answerAll answers the questions that have no answers yet.
func (r *run) answerAll(ctx context.Context, questions []Question) error {
	file, err := openFolder(r.o.Out, AnswersName, func(a *answered) string { return a.Key })
	if err != nil {
		return err
	}
	defer file.close()
	var todo []*Question
	for i := range questions {
		if _, done := file.lines[r.answerKey(&questions[i])]; !done {
			todo = append(todo, &questions[i])
		}
	}
	p := progress{show: r.o.Progress, total: len(todo), start: time.Now()}
	size := batchSize
	if r.o.Batch > 0 {
		size = r.o.Batch
	}
	for part := range slices.Chunk(todo, size) {
		list, err := r.converse(ctx, part)
		if err != nil {
			return stopped(ctx, err, AnswersName)
		}
		for _, a := range list {
			if err := file.add(a); err != nil {
				return err
			}
		}
		p.step(len(part))
	}
	all := make([]answered, len(questions))
	for i := range questions {
		all[i] = file.lines[r.answerKey(&questions[i])]
	}
	r.report.answers = all
	return file.finish(all)
}

// answerKey is a hash of what the answers to a question depend on.
func (r *run) answerKey(q *Question) string {
	return keyOf(append([]string{
		r.o.Fingerprint, r.o.ModelName, r.o.Tokenizer.ChatTemplate().Text,
		fmt.Sprint(r.o.MaxLength, r.maxTokens(), r.temperature(q), q.ID),
	}, q.Turns...)...)
}

// temperature is that of the answers to a question, 0 where none is drawn.
func (r *run) temperature(q *Question) float64 {
	if !r.j.Draw {
		return 0
	}
	return Temperature(q.Category)
}

// converse answers some questions, turn by turn.
func (r *run) converse(ctx context.Context, questions []*Question) ([]answered, error) {
	list := make([]answered, len(questions))
	talks := make([][]tokenizer.Message, len(questions))
	for i, q := range questions {
		id, err := json.Marshal(idOf(q))
		if err != nil {
			return nil, err
		}
		list[i] = answered{QuestionID: id, Key: r.answerKey(q), Model: r.o.ModelName, Choices: []turnTexts{{}}}
	}
	for turn := range 2 {
		var asked []int
		for i, q := range questions {
			if turn < len(q.Turns) {
				talks[i] = append(talks[i], tokenizer.Message{Role: "user", Content: q.Turns[turn]})
				asked = append(asked, i)
			}
		}
		if err := r.answerTurn(ctx, questions, list, talks, asked); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// answerTurn answers the last message of the talks whose numbers are in asked.
func (r *run) answerTurn(
	ctx context.Context, questions []*Question, list []answered, talks [][]tokenizer.Message, asked []int,
) error {
	requests := make([]lm.ContinueRequest, len(asked))
	for n, i := range asked {
		ids, err := r.o.Tokenizer.EncodeChat(tokenizer.ChatRequest{Messages: talks[i], AddGenerationPrompt: true})
		if err != nil {
			return fmt.Errorf("question %s: %w", questions[i].ID, err)
		}
		cut := max(0, len(ids)-(r.o.MaxLength-r.maxTokens()))
		requests[n] = lm.ContinueRequest{Prompt: ids[cut:], MaxTokens: r.maxTokens(), Stop: r.ended}
		list[i].Cut = append(list[i].Cut, cut)
	}
	got, err := r.generate(ctx, questions, requests, asked)
	if err != nil {
		return err
	}
	for n, i := range asked {
		text, whole := r.text(got[n])
		list[i].Choices[0].Turns = append(list[i].Choices[0].Turns, text)
		list[i].ByLength = append(list[i].ByLength, !whole && len(got[n]) >= r.maxTokens())
		talks[i] = append(talks[i], tokenizer.Message{Role: "assistant", Content: text})
	}
	return nil
}

// generate continues prompts: likeliest tokens by the model, many together, and drawn ones by the
// generator, one after the other.
func (r *run) generate(
	ctx context.Context, questions []*Question, requests []lm.ContinueRequest, asked []int,
) ([][]int32, error) {
	out := make([][]int32, len(requests))
	var greedy []int
	for n, i := range asked {
		t := r.temperature(questions[i])
		if t == 0 {
			greedy = append(greedy, n)
			continue
		}
		got, err := r.j.Generator.Generate(ctx, lm.GenerateRequest{
			Prompt: requests[n].Prompt, MaxTokens: requests[n].MaxTokens, StopIDs: r.o.Tokenizer.EOSIDs(),
			Sampling: lm.Sampling{Temperature: t},
		}, nil)
		if err == nil && got.FinishReason == lm.FinishCancel {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		out[n] = got.Tokens
	}
	part := make([]lm.ContinueRequest, len(greedy))
	for k, n := range greedy {
		part[k] = requests[n]
	}
	if len(part) == 0 {
		return out, nil
	}
	got, err := r.model.Continue(ctx, part)
	if err == nil && len(got) != len(part) {
		err = fmt.Errorf("the model gave %d answers to %d questions", len(got), len(part))
	}
	if err != nil {
		return nil, err
	}
	for k, n := range greedy {
		out[n] = got[k]
	}
	return out, nil
}

// ended reports whether an answer is whole.
func (r *run) ended(ids []int32) bool {
	return len(ids) > 0 && slices.Contains(r.o.Tokenizer.EOSIDs(), ids[len(ids)-1])
}

// text is an answer as text, without the token that ends it and the blanks around it, and whether
// there was such a token.
func (r *run) text(ids []int32) (text string, whole bool) {
	ends := r.o.Tokenizer.EOSIDs()
	if i := slices.IndexFunc(ids, func(id int32) bool { return slices.Contains(ends, id) }); i >= 0 {
		ids, whole = ids[:i], true
	}
	return strings.TrimSpace(r.o.Tokenizer.Decode(ids)), whole
}

// idOf is the question's id as FastChat's files have it: a number where it is one.
func idOf(q *Question) any {
	if id, _ := q.doc.Get("question_id"); id != nil {
		return id
	}
	return q.ID
}

// progress shows how many questions are done.
type progress struct {
	show        func(eval.Progress)
	done, total int
	start       time.Time
}

func (p *progress) step(n int) {
	p.done += n
	if p.show == nil {
		return
	}
	seconds := time.Since(p.start)
	p.show(eval.Progress{
		Task: Name, Done: p.done, Total: p.total, Tokens: int64(p.done), Whole: int64(p.total), Seconds: seconds.Seconds(),
		Left: time.Duration(float64(seconds) * float64(p.total-p.done) / float64(p.done)),
	})
}
