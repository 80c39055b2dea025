package openai

import (
	"context"
	"encoding/json"
	"fmt"
)

// maxJudgment is the most tokens of a judge's answer, the number of FastChat's judges.
const maxJudgment = 2048

// Judge is a model of a server that judges answers of others; it implements mtbench.Judge. It always
// takes the likeliest token (temperature 0).
type Judge struct{ Server }

// NewJudge returns a judge. It returns an error for an address that cannot be used; the address may
// end in /chat/completions.
func NewJudge(address, model string) (*Judge, error) {
	base, err := baseURL(address, "/chat/completions")
	if err != nil {
		return nil, err
	}
	return &Judge{Server{URL: base, Model: model}}, nil
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Judge asks the judge and returns its answer. Several goroutines may call it at once. The system
// message is left out if it is "".
func (j *Judge) Judge(ctx context.Context, system, user string) (string, error) {
	messages := []message{{"system", system}, {"user", user}}
	if system == "" {
		messages = messages[1:]
	}
	body, err := json.Marshal(map[string]any{
		"model": j.Model, "messages": messages, "temperature": 0, "max_tokens": maxJudgment, "n": 1,
	})
	if err != nil {
		return "", err
	}
	var a struct {
		Choices []struct {
			Message struct {
				Content *string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	needs := "a judge needs a server with the chat API, and a context that is long enough"
	r := call{"/chat/completions", body, &a, "answer of a chat", needs}
	if err := j.send(ctx, &r); err != nil {
		return "", err
	}
	if len(a.Choices) != 1 || a.Choices[0].Message.Content == nil {
		return "", fmt.Errorf("%s: the judge's answer has no text: the server filtered it, or it is no chat model", j.URL)
	}
	return *a.Choices[0].Message.Content, nil
}
