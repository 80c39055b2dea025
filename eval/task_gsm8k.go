package eval

// gsm8k is GSM8K, test split, with examples of the train split.
var gsm8k = &Task{
	Name: "gsm8k", About: "GSM8K: arithmetic in words", Kind: Generation, Version: 3,
	Test:  gsm8kSource("gsm8k_test", "test", 1319),
	Shots: Shots{Count: 5, From: gsm8kSource("gsm8k_train", "train", 7473)},
	Ask: func(r *reader) Question {
		return Question{Contexts: []string{"Question: " + r.text("question") + "\nAnswer:"}, Target: r.text("answer")}
	},
	Answers: gsm8kAnswers("Question:", `#### (\-?[0-9\.\,]+)`),
}

func gsm8kSource(file, split string, rows int) Source {
	columns := []string{"question", "answer"}
	return Source{Files: []string{file + ".jsonl"}, Columns: columns, Hub: "openai/gsm8k", Config: "main", Split: split, HubColumns: columns, Rows: rows}
}

// gsm8kAnswers takes the answer behind its mark, or the last number whatever it is.
func gsm8kAnswers(stop, strict string) Answers {
	return Answers{
		Until:  []string{stop, "</s>", "<|im_end|>"},
		Metric: "exact_match",
		Filters: []Filter{
			mustRegexFilter("strict-match", strict, 0),
			mustRegexFilter("flexible-extract", `(-?[$0-9.,]{2,})|(-?[0-9]+)`, -1),
		},
		Judge: mustExactMatch(true, false, ",", `\$`, `(?s).*#### `, `\.$`),
	}
}
