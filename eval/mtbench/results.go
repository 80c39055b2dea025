package mtbench

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"trit/eval"
	"trit/eval/statistics"
	"trit/internal/atomicfile"
)

// sampleLine is a question's score in the form of the samples of package eval, so that two models can
// be compared question by question.
type sampleLine struct {
	ID      int           `json:"doc_id"`
	Doc     eval.Document `json:"doc"`
	Hash    string        `json:"doc_hash"`
	Filter  string        `json:"filter"`
	Metrics []string      `json:"metrics"`
	Score   float64       `json:"score"` // mean of the turns that have a rating
}

// write writes the results and the samples, with the keys of package eval.
func (r *run) write() error {
	samples, err := r.report.samples()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(r.results(), "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(r.file("samples_"+Name+".jsonl"), samples),
		atomicfile.WriteBytes(r.file("results.json"), append(b, '\n')))
}

func (r *run) results() map[string]any {
	p := r.report
	scores := map[string]any{"name": Name, "alias": Name, "sample_len": len(p.questions)}
	put := func(filter string, s Score) {
		if s.Ratings == 0 {
			return
		}
		scores["score,"+filter], scores["score_stderr,"+filter] = s.Mean, any("N/A")
		if s.Questions > 1 {
			scores["score_stderr,"+filter] = s.Stderr
		}
	}
	put("none", p.Overall)
	for i, s := range p.Turns {
		put(fmt.Sprintf("turn-%d", i+1), s)
	}
	for _, c := range p.Categories {
		put(c.Category, c.Score)
	}
	return map[string]any{
		"results": map[string]any{Name: scores}, "versions": map[string]any{Name: 1}, "n-shot": map[string]int{Name: 0},
		"n-samples":        map[string]any{Name: map[string]int{"effective": len(p.questions)}},
		"higher_is_better": map[string]any{Name: map[string]bool{"score": true}},
		"config":           map[string]any{"model": "trit", "model_args": r.o.ModelArgs, "limit": r.o.Limit},
		"model_name":       p.Model, "max_length": r.o.MaxLength, "chat_template": r.o.Tokenizer.ChatTemplate().Text,
		"trit": map[string]any{Name: p},
	}
}

// samples are the lines of the questions that have a rating.
func (r *Report) samples() ([]byte, error) {
	byQuestion := make([][]float64, len(r.questions))
	r.each(func(question int, g *judged) {
		if g.Score != NoRating {
			byQuestion[question] = append(byQuestion[question], g.Score)
		}
	})
	var b bytes.Buffer
	for i, list := range byQuestion {
		if len(list) == 0 {
			continue
		}
		q := &r.questions[i]
		doc, err := q.doc.MarshalJSON()
		if err != nil {
			return nil, err
		}
		mean, _ := statistics.Mean(list)
		line, err := lineOf(sampleLine{
			ID: q.number, Doc: q.doc, Hash: fmt.Sprintf("%x", sha256.Sum256(doc)),
			Filter: "none", Metrics: []string{"score"}, Score: mean,
		})
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}
