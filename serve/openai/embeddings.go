package openai

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"

	"trit/serve/answer"
	"trit/serve/wire"
)

// embeddingRequest is the body of a request for embeddings.
type embeddingRequest struct {
	Model      string  `json:"model"`
	Input      prompts `json:"input"`
	Encoding   string  `json:"encoding_format"`
	Dimensions *int    `json:"dimensions"`
}

// maxInputs is the most texts of one request for embeddings, as at OpenAI.
const maxInputs = 2048

// check returns what is wrong in the request.
func (e *embeddingRequest) check(m *answer.Model) error {
	switch {
	case m.Embedder == nil:
		return wire.Errorf(wire.Unsupported, "model", "%s makes no embeddings", m.ID)
	case len(e.Input) == 0:
		return wire.Errorf(wire.InvalidInput, "input", "is missing")
	case len(e.Input) > maxInputs:
		return wire.Errorf(wire.InvalidInput, "input", "holds %d texts: want at most %d", len(e.Input), maxInputs)
	case e.Encoding != "" && e.Encoding != "float" && e.Encoding != "base64":
		return wire.Errorf(wire.InvalidInput, "encoding_format", "is %q: want float or base64", e.Encoding)
	}
	return nil
}

// sequences are the tokens of the inputs.
func (e *embeddingRequest) sequences(ctx context.Context, m *answer.Model) ([]answer.Sequence, int, error) {
	var list []answer.Sequence
	tokens := 0
	for i := range e.Input {
		field := "input"
		if len(e.Input) > 1 {
			field = fmt.Sprintf("input[%d]", i)
		}
		s, err := e.Input[i].encode(ctx, m, field, false)
		if err != nil {
			return nil, 0, err
		}
		list, tokens = append(list, s), tokens+len(s.IDs())
	}
	return list, tokens, nil
}

// embedding is a vector in an answer.
type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // numbers, or their bytes in base64
}

// encoded is a vector in the encoding of the request.
func (e *embeddingRequest) encoded(vector []float32) any {
	if e.Encoding != "base64" {
		return vector
	}
	var b []byte
	for _, v := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// embeddingUsage counts tokens.
type embeddingUsage struct {
	PromptTokens int `json:"prompt_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

func (a *api) embed(w http.ResponseWriter, r *http.Request) error {
	var body embeddingRequest
	if err := wire.Decode(r, &body, ignoredFields...); err != nil {
		return err
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	if err := body.check(m); err != nil {
		return err
	}
	sequences, tokens, err := body.sequences(r.Context(), m)
	if err != nil {
		return err
	}
	vectors, err := answer.Embed(r.Context(), m, sequences)
	if err != nil {
		return err
	}
	list := make([]embedding, len(vectors))
	for i, v := range vectors {
		if body.Dimensions != nil && *body.Dimensions != len(v) {
			return wire.Errorf(wire.Unsupported, "dimensions", "is %d: the model's vectors have %d", *body.Dimensions, len(v))
		}
		list[i] = embedding{"embedding", i, body.encoded(v)}
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{
		"object": "list", "data": list, "model": m.ID, "usage": embeddingUsage{tokens, tokens},
	})
	return nil
}
