package mtbench

import (
	"fmt"
	"slices"

	"trit/eval"
	"trit/eval/statistics"
)

// Score is a mean of ratings from 1 to 10.
type Score struct {
	Mean float64 `json:"mean"`
	// Stderr is the standard error with the questions as clusters: ratings of two turns of one
	// question are not independent. 0 for fewer than two questions.
	Stderr    float64 `json:"stderr"`
	Questions int     `json:"questions"` // with a rating
	Ratings   int     `json:"ratings"`
	Unread    int     `json:"unread"` // judgments without a rating, which are not in the mean
}

// CategoryScore is the scores of one category.
type CategoryScore struct {
	Category string `json:"category"`
	Score
	Turns []Score `json:"turns"`
}

// Report is the ratings of a model.
type Report struct {
	Model      string          `json:"model"`
	Judge      string          `json:"judge"`
	Prompts    string          `json:"judge_prompts"`
	Drawn      bool            `json:"drawn"` // with FastChat's temperatures, not the likeliest answers
	MaxTokens  int             `json:"max_gen_toks"`
	Overall    Score           `json:"overall"`
	Turns      []Score         `json:"turns"`
	Categories []CategoryScore `json:"categories"` // in the order of the questions
	Remarks    []string        `json:"remarks"`

	questions []Question
	answers   []answered // of the questions
	judgments []judged   // turn by turn
}

// sum fills in the scores and the remarks.
func (r *Report) sum() {
	all := func(string, int) bool { return true }
	r.Overall, r.Turns = r.score(all), r.byTurn(all)
	var names []string
	for i := range r.questions {
		if c := r.questions[i].Category; !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	for _, name := range names {
		in := func(category string, _ int) bool { return category == name }
		r.Categories = append(r.Categories, CategoryScore{name, r.score(in), r.byTurn(in)})
	}
	r.Remarks = r.remarks()
}

// byTurn are the scores of the first and the second turn.
func (r *Report) byTurn(in func(category string, turn int) bool) (list []Score) {
	for turn := 1; turn <= 2; turn++ {
		list = append(list, r.score(func(category string, t int) bool { return t == turn && in(category, t) }))
	}
	return list
}

// score is the score of the judgments that are in.
func (r *Report) score(in func(category string, turn int) bool) Score {
	s := Score{}
	var values []float64
	var clusters []string
	r.each(func(question int, g *judged) {
		switch q := &r.questions[question]; {
		case !in(q.Category, g.Turn):
		case g.Score == NoRating:
			s.Unread++
		default:
			values, clusters = append(values, g.Score), append(clusters, q.ID)
		}
	})
	if s.Ratings = len(values); s.Ratings == 0 {
		return s
	}
	mean := statistics.ClusteredMean(values, clusters)
	if s.Mean, s.Questions = mean.Value, mean.Clusters; s.Questions > 1 {
		s.Stderr = mean.Stderr
	}
	return s
}

// each visits the judgments with the numbers of their questions in the report.
func (r *Report) each(visit func(question int, g *judged)) {
	n := 0
	for turn := range 2 {
		for i := range r.questions {
			if turn < len(r.questions[i].Turns) {
				visit(i, &r.judgments[n])
				n++
			}
		}
	}
}

// remarks say what the scores do not show.
func (r *Report) remarks() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, Name+": "+fmt.Sprintf(format, args...)) }
	how := "the likeliest answers (FastChat draws some at a temperature)"
	if r.Drawn {
		how = "answers drawn with FastChat's temperatures"
	}
	add("judge: %s; judge prompt: %s; %s, of up to %d tokens", r.Judge, r.Prompts, how, r.MaxTokens)
	if r.Overall.Unread > 0 {
		add("%d of %d judgments have no rating from 1 to 10 and are not in the means: %s in %s",
			r.Overall.Unread, len(r.judgments), r.unreadIDs(), JudgmentsName)
	}
	if n, categories := unreferenced(r.questions); n > 0 {
		add("%d questions of %s have no reference and were judged without one", n, categories)
	}
	cut, length, answers := 0, 0, 0
	for i := range r.answers {
		for turn, tokens := range r.answers[i].Cut {
			answers++
			if tokens > 0 {
				cut++
			}
			if r.answers[i].ByLength[turn] {
				length++
			}
		}
	}
	if cut > 0 {
		add("%d of %d conversations were cut on the left to fit into the context", cut, answers)
	}
	if length > 0 {
		add("%d of %d answers ended by their length", length, answers)
	}
	return lines
}

// maxNamed is the most judgments that a remark names.
const maxNamed = 5

// unreadIDs names the questions and turns of judgments without a rating.
func (r *Report) unreadIDs() string {
	text, n := "", 0
	r.each(func(question int, g *judged) {
		if g.Score != NoRating {
			return
		}
		if n++; n <= maxNamed {
			if n > 1 {
				text += ", "
			}
			text += fmt.Sprintf("question %s turn %d", r.questions[question].ID, g.Turn)
		}
	})
	if n > maxNamed {
		text += fmt.Sprintf(" and %d more", n-maxNamed)
	}
	return text
}

// Table is the scores: a row for each category, then both turns and all.
func (r *Report) Table() eval.Table {
	t := eval.Table{Columns: []string{"category", "questions", "turn 1", "turn 2", "score", "stderr", "unread"}}
	row := func(name string, s Score, turns []Score) {
		stderr := ""
		if s.Stderr > 0 {
			stderr = fmt.Sprintf("%.2f", s.Stderr)
		}
		t.Rows = append(t.Rows, []string{
			name, fmt.Sprint(s.Questions), turns[0].shown(), turns[1].shown(), s.shown(), stderr, fmt.Sprint(s.Unread),
		})
	}
	for _, c := range r.Categories {
		row(c.Category, c.Score, c.Turns)
	}
	row("all", r.Overall, r.Turns)
	return t
}

// shown is the mean for tables, "" if there is none.
func (s *Score) shown() string {
	if s.Ratings == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", s.Mean)
}
