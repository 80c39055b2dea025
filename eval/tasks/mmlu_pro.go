package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// mmluProSubjects are the categories of MMLU-Pro.
var mmluProSubjects = []string{
	"biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history", "law", "math",
	"other", "philosophy", "physics", "psychology",
}

// mmluPro returns the subjects of MMLU-Pro. A model thinks before it answers, as five examples do.
func mmluPro() (tasks []eval.Task) {
	group := &eval.Group{
		Name: "mmlu_pro", About: "MMLU-Pro: harder questions with up to ten choices, answered after thinking", Version: "2.0",
		Metrics: []eval.GroupMetric{{Metric: eval.ExactMatch, Filters: []string{mmluProFilter.Name}}},
	}
	for _, subject := range mmluProSubjects {
		t := mmluProTask(subject)
		t.Groups = []*eval.Group{group}
		tasks = append(tasks, t)
	}
	return tasks
}

var mmluProFilter = must(eval.RegexFilter{Name: "custom-extract", Regex: `answer is \(?([ABCDEFGHIJ])\)?`}.Filter())

func mmluProTask(subject string) eval.Task {
	name := strings.ReplaceAll(subject, " ", "_")
	return eval.Task{
		Name: "mmlu_pro_" + name, Alias: name, About: "MMLU-Pro, " + subject, Kind: eval.Generation, Version: 3.1,
		Description: "The following are multiple choice questions (with answers) about " + subject + ". Think step by step " +
			"and then finish your answer with \"the answer is (X)\" where X is the correct letter choice.\n",
		Test: mmluProSource("mmlu_pro_test", "test", 12032, subject),
		Fewshot: eval.Fewshot{
			Count: 5, First: true, From: mmluProSource("mmlu_pro_val", "validation", 70, subject), Ask: showMMLUPro,
		},
		Ask: askMMLUPro,
		Answers: eval.Answers{
			Until: []string{"Question:"}, MaxTokens: 2048, Metric: eval.ExactMatch, Filters: []eval.Filter{mmluProFilter},
			Judge: must(eval.StringMatch{IgnoreCase: true, IgnorePunctuation: true}.Judge()),
		},
	}
}

func mmluProSource(file, split string, rows int, subject string) eval.Source {
	columns := []string{"question", "options", "answer", "cot_content", "category"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "TIGER-Lab/MMLU-Pro", Split: split, HubColumns: columns, Rows: rows,
		Keep: func(f *eval.Fields) bool { return f.Text("category") == subject },
	}
}

func askMMLUPro(f *eval.Fields) eval.Question {
	text := "Question:\n" + f.Text("question") + "\nOptions:\n"
	for i, option := range f.Texts("options") {
		if i == len("ABCDEFGHIJ") {
			break
		}
		text += "ABCDEFGHIJ"[i:i+1] + ". " + python.Strip(option) + "\n"
	}
	return eval.Question{Contexts: []string{text + "Answer: Let's think step by step."}, Target: f.Text("answer")}
}

// showMMLUPro is an example, answered with its thoughts.
func showMMLUPro(f *eval.Fields) eval.Question {
	q := askMMLUPro(f)
	q.Target = strings.ReplaceAll(f.Text("cot_content"), "A: Let's think step by step. ", "")
	return q
}
