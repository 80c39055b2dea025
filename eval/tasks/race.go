package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// race is RACE for high schools, test split: the last problem of each article, after the others with
// their answers.
var race = eval.Task{
	Name: "race", About: "RACE: English for high schools, questions on an article", Kind: eval.MultipleChoice, Version: 3,
	Test: eval.Source{
		Files: []string{"race_high_test.jsonl"}, Columns: []string{"article", "problems"},
		Hub: "EleutherAI/race", Config: "high", Split: "test", HubColumns: []string{"article", "problems"}, Rows: 1045,
	},
	Ask: askRACE, Metrics: []eval.Metric{eval.Acc},
}

// raceProblem is a question on an article.
type raceProblem struct {
	question string
	options  []string
	answer   int
}

func askRACE(f *eval.Fields) eval.Question {
	problems := raceProblems(f)
	if len(problems) == 0 {
		return eval.Question{}
	}
	last := problems[len(problems)-1]
	text := "Article: " + f.Text("article") + "\n\n"
	for _, p := range problems[:len(problems)-1] {
		if strings.HasSuffix(p.question, "  _  .") { // a gap at the end, for the answer
			text += p.question[:len(p.question)-len(" _  .")] + p.options[p.answer] + "\n"
			continue
		}
		text += "Question: " + p.question + "\nAnswer: " + p.options[p.answer] + "\n"
	}
	return eval.Question{Contexts: []string{text + last.question}, Choices: last.options, Gold: last.answer}
}

// raceProblems reads the problems, which the set writes as Python prints a list.
func raceProblems(f *eval.Fields) (problems []raceProblem) {
	v, err := python.Literal(f.Text("problems"))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) == 0 {
		f.Failf("field \"problems\" is no list of problems as Python prints it (%v)", err)
		return nil
	}
	for i, v := range list {
		p, ok := newRACEProblem(v)
		if !ok {
			f.Failf("problem %d of field \"problems\" is %v: want question, answer (A to D) and four options", i, v)
			return nil
		}
		problems = append(problems, p)
	}
	return problems
}

func newRACEProblem(v any) (p raceProblem, ok bool) {
	fields, _ := v.(map[string]any)
	answer, _ := fields["answer"].(string)
	options, _ := fields["options"].([]any)
	p.question, ok = fields["question"].(string)
	if !ok || len(answer) != 1 || len(options) < 4 {
		return p, false
	}
	for _, o := range options[:4] {
		text, isText := o.(string)
		p.options, ok = append(p.options, text), ok && isText
	}
	p.answer = strings.Index("ABCD", answer)
	return p, ok && p.answer >= 0
}
