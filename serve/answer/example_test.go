package answer_test

import (
	"context"
	"fmt"

	"trit/lm"
	"trit/serve/answer"
	"trit/tokenizer"
)

// thinker is a model that always thinks and says the same.
type thinker struct{}

func (thinker) Generate(_ context.Context, _ lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	for i, text := range []string{"<think>", "a greeting", "</think>", "Good day!"} {
		on(lm.Delta{Text: text, Tokens: []int32{int32(i)}})
	}
	return lm.GenerateResult{FinishReason: lm.FinishStop}, nil
}

// What a model writes becomes thoughts, text and calls of tools.
func ExampleAsk() {
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("good day", nil) },
		tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		fmt.Println(err)
		return
	}
	v := tok.Vocab()
	v.ChatTemplate = "{% for m in messages %}{{ m.content }}{% endfor %}"
	if tok, err = tokenizer.FromVocab(v); err != nil {
		fmt.Println(err)
		return
	}
	m := &answer.Model{Tokenizer: tok, Generator: thinker{}, Context: 100}
	r := answer.Request{Messages: []tokenizer.Message{{Role: "user", Content: "Hi."}}}
	result, err := answer.Ask(context.Background(), m, r, nil)
	fmt.Printf("%q %q %d %v\n", result.Reasoning, result.Text, result.ReasoningTokens, err)
	// Output: "a greeting" "Good day!" 3 <nil>
}
