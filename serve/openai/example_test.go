package openai_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/openai"
	"trit/tokenizer"
)

// greeter is a model that always says the same.
type greeter struct{}

func (greeter) Generate(_ context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	on(lm.Delta{Text: "Good day!", Tokens: []int32{1}})
	return lm.GenerateResult{FinishReason: lm.FinishStop, PromptTokens: len(r.Prompt), Tokens: []int32{1}}, nil
}

// one is a server's only model.
type one struct{ *answer.Model }

func (o one) List() []answer.Info { return []answer.Info{o.Info} }

func (o one) Open(context.Context, string) (*answer.Model, func(), error) {
	return o.Model, func() {}, nil
}

// Anything that generates text can be served.
func Example() {
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("good day", nil) },
		tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := &answer.Model{Info: answer.Info{ID: "greeter"}, Tokenizer: tok, Generator: greeter{}, Context: 100}
	mux := http.NewServeMux()
	for pattern, handler := range openai.New(one{m}, openai.Options{}) {
		mux.Handle(pattern, handler)
	}
	server := httptest.NewServer(mux)
	defer server.Close()

	r, err := http.Post(server.URL+"/v1/completions", "application/json", strings.NewReader(`{"prompt": "Hi."}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	fmt.Println(strings.Contains(string(body), `"text":"Good day!"`), err)
	// Output: true <nil>
}
