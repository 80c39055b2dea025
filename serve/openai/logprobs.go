package openai

import (
	"trit/lm"
	"trit/serve/answer"
)

// chatLogProbs are log-probabilities of an answer's tokens.
type chatLogProbs struct {
	Content []tokenLogProb `json:"content"`
	Refusal *string        `json:"refusal"`
}

type tokenLogProb struct {
	Token   string         `json:"token"`
	LogProb float64        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []tokenLogProb `json:"top_logprobs,omitzero"` // nil for those that are in such a list
}

// add adds tokens; c may be nil.
func (c *chatLogProbs) add(m *answer.Model, list []lm.TokenLogProbs) *chatLogProbs {
	if c == nil {
		c = &chatLogProbs{Content: []tokenLogProb{}}
	}
	for _, p := range list {
		t := tokenOf(m, p.LogProb)
		t.Top = []tokenLogProb{}
		for _, other := range p.Top {
			t.Top = append(t.Top, tokenOf(m, other))
		}
		c.Content = append(c.Content, t)
	}
	return c
}

func tokenOf(m *answer.Model, p lm.LogProb) (t tokenLogProb) {
	t.LogProb = p.LogProb
	t.Token, t.Bytes = tokenText(m, p.ID)
	return t
}

// textLogProbs are log-probabilities in the form of the older completions. The first token of an
// echoed prompt has none.
type textLogProbs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogProbs []*float64           `json:"token_logprobs"`
	TopLogProbs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"`
	end           int                  // offset of the next token, in bytes
}

// add adds a token with its log-probability, nil for none, and those of the likeliest ones.
func (t *textLogProbs) add(m *answer.Model, id int32, p *lm.TokenLogProbs) {
	text, _ := tokenText(m, id)
	t.Tokens, t.TextOffset = append(t.Tokens, text), append(t.TextOffset, t.end)
	t.end += len(m.Tokenizer.TokenBytes(id))
	if p == nil {
		t.TokenLogProbs, t.TopLogProbs = append(t.TokenLogProbs, nil), append(t.TopLogProbs, nil)
		return
	}
	t.TokenLogProbs = append(t.TokenLogProbs, &p.LogProb.LogProb)
	top := map[string]float64{}
	for _, other := range p.Top {
		name, _ := tokenText(m, other.ID)
		top[name] = max(other.LogProb, orElse(top, name, other.LogProb))
	}
	t.TopLogProbs = append(t.TopLogProbs, top)
}

func orElse(m map[string]float64, key string, other float64) float64 {
	if v, ok := m[key]; ok {
		return v
	}
	return other
}
