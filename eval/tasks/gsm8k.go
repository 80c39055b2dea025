package tasks

import (
	"context"

	"trit/eval"
)

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

// gsm8kAnswers has the two filters of the harness, the answer after its mark by the expression strict
// and the last number of the text, and one that compares the last number by value.
func gsm8kAnswers(stop, strict string) eval.Answers {
	return eval.Answers{
		Until:  []string{stop, "</s>", "<|im_end|>"},
		Metric: eval.ExactMatch,
		Filters: []eval.Filter{
			must(eval.RegexFilter{Name: "strict-match", Regex: strict}.Filter()),
			must(eval.RegexFilter{Name: "flexible-extract", Regex: `(-?[$0-9.,]{2,})|(-?[0-9]+)`, Pick: -1}.Filter()),
			numberByValue,
		},
		Judge: must(eval.StringMatch{IgnoreCase: true, Remove: []string{",", `\$`, `(?s).*#### `, `\.$`}}.Judge()),
	}
}

// numberByValue is the filter that takes the last number of an answer with its decimals, without
// its unit, and compares it by value with the last number of the target: 18, $18.00 and 18 apples
// are equal. It is no filter of the harness.
var numberByValue = eval.Filter{
	Name: "last-number-value", Extra: true,
	Find: func(_ *eval.Question, text string) (string, bool) {
		if n, ok := lastNumber(text); ok {
			return n, true
		}
		return eval.NoAnswer, false
	},
	Judge: func(_ context.Context, _ eval.Sandbox, q *eval.Question, answer string) (eval.Verdict, error) {
		target, ok := lastNumber(q.Target)
		return eval.Right(ok && answer != eval.NoAnswer && sameValue(answer, target)), nil
	},
}
