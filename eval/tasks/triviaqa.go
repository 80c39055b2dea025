package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
	"trit/tokenizer/jinja"
)

// triviaQA is TriviaQA without its documents, validation split. An answer is right if it is one of the
// aliases.
var triviaQA = eval.Task{
	Name: "triviaqa", About: "TriviaQA: questions of quizzes, from memory", Kind: eval.Generation, Version: 3,
	Test:    triviaQASource("triviaqa_val", "validation", 17944),
	Fewshot: eval.Fewshot{From: triviaQASource("triviaqa_train", "train", 138384), Extra: true},
	Ask: func(f *eval.Fields) eval.Question {
		q := eval.Question{Contexts: []string{"Question: " + f.Text("question") + "?\nAnswer:"}}
		if q.Targets = f.Group("answer").Texts("aliases"); len(q.Targets) == 0 {
			f.Failf("field \"aliases\" of \"answer\" is empty: no answer would be right")
			return q
		}
		q.Target, q.Shown = q.Targets[0], pythonList(q.Targets)
		return q
	},
	Answers: eval.Answers{
		Until: []string{"\n", ".", ","}, Metric: eval.ExactMatch,
		Filters: []eval.Filter{{
			Name: "remove_whitespace",
			Find: func(_ *eval.Question, text string) (string, bool) {
				return strings.TrimLeftFunc(text, python.Space), true
			},
		}},
		Judge: must(eval.StringMatch{IgnoreCase: true, IgnorePunctuation: true}.Judge()),
	},
}

// pythonList is a list of texts as Python prints it.
func pythonList(texts []string) string {
	var quoted []string
	for _, s := range texts {
		quoted = append(quoted, jinja.Quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func triviaQASource(file, split string, rows int) eval.Source {
	columns := []string{"question", "answer"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "mandarjoshi/trivia_qa", Config: "rc.nocontext", Split: split, HubColumns: columns, Rows: rows,
	}
}
