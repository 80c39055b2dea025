package tasks

import "trit/eval"

// gsm8k is GSM8K, test split, with examples of the train split.
var gsm8k = eval.Task{
	Name: "gsm8k", About: "GSM8K: arithmetic in words", Kind: eval.Generation, Version: 3,
	Test:    gsm8kSource("gsm8k_test", "test", 1319),
	Fewshot: eval.Fewshot{Count: 5, From: gsm8kSource("gsm8k_train", "train", 7473)},
	Ask: func(f *eval.Fields) eval.Question {
		return eval.Question{Contexts: []string{"Question: " + f.Text("question") + "\nAnswer:"}, Target: f.Text("answer")}
	},
	Answers: gsm8kAnswers("Question:", `#### (\-?[0-9\.\,]+)`),
}

func gsm8kSource(file, split string, rows int) eval.Source {
	columns := []string{"question", "answer"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "openai/gsm8k", Config: "main", Split: split, HubColumns: columns, Rows: rows,
	}
}

// gsm8kAnswers has two filters: one finds the answer after its mark, by the expression strict,
// the other takes the last number of the text.
func gsm8kAnswers(stop, strict string) eval.Answers {
	return eval.Answers{
		Until:  []string{stop, "</s>", "<|im_end|>"},
		Metric: eval.ExactMatch,
		Filters: []eval.Filter{
			must(eval.RegexFilter{Name: "strict-match", Regex: strict}.Filter()),
			must(eval.RegexFilter{Name: "flexible-extract", Regex: `(-?[$0-9.,]{2,})|(-?[0-9]+)`, Pick: -1}.Filter()),
		},
		Judge: must(eval.StringMatch{IgnoreCase: true, Remove: []string{",", `\$`, `(?s).*#### `, `\.$`}}.Judge()),
	}
}
