package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"trit/serve/answer"
	"trit/serve/wire"
)

// embedRequest is the body of a request for embeddings.
type embedRequest struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Truncate   *bool           `json:"truncate"`
	Dimensions *int            `json:"dimensions"`
}

// ignoredOfEmbeddings change nothing in a vector.
var ignoredOfEmbeddings = []string{"keep_alive", "options"}

// maxInputs is the most texts of one request.
const maxInputs = 2048

// texts are the texts of the request: one, or a list.
func (e *embedRequest) texts() (list []string, err error) {
	var one string
	switch {
	case isNull(e.Input):
		return nil, wire.Errorf(wire.InvalidInput, "input", "is missing")
	case json.Unmarshal(e.Input, &one) == nil:
		return []string{one}, nil
	}
	if err := wire.DecodePart("input", e.Input, &list); err != nil {
		return nil, err
	}
	if len(list) > maxInputs {
		return nil, wire.Errorf(wire.InvalidInput, "input", "holds %d texts: want at most %d", len(list), maxInputs)
	}
	return list, nil
}

// sequence are the tokens of a text. One that is too long is cut, if it may be, and keeps its end
// token: embedding models look there.
func sequence(ctx context.Context, m *answer.Model, field, text string, truncate bool) (answer.Sequence, error) {
	s, err := m.Encode(ctx, field, answer.Prompt{Text: text})
	n := len(s.IDs())
	switch {
	case err != nil:
		return s, err
	case n == 0:
		return s, wire.Errorf(wire.InvalidInput, field, "holds no tokens")
	case !truncate || m.Context == 0 || n <= m.Context:
		return s, nil
	}
	end := s.IDs()[n-1]
	if !slices.Contains(m.Tokenizer.EOSIDs(), end) {
		end = -1
	}
	return s.Cut(m.Context, end), nil
}

// vectors are the embeddings of texts.
func vectors(r *http.Request, m *answer.Model, field string, texts []string, truncate bool) ([][]float32, int, error) {
	if m.Embedder == nil {
		return nil, 0, wire.Errorf(wire.Unsupported, "model", "%s makes no embeddings", m.ID)
	}
	tokens := 0
	sequences := make([]answer.Sequence, len(texts))
	for i, text := range texts {
		at := field
		if len(texts) > 1 {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		var err error
		if sequences[i], err = sequence(r.Context(), m, at, text, truncate); err != nil {
			return nil, 0, err
		}
		tokens += len(sequences[i].IDs())
	}
	if len(texts) == 0 {
		return [][]float32{}, 0, nil
	}
	list, err := answer.Embed(r.Context(), m, sequences)
	return list, tokens, err
}

// embed answers with the embeddings of texts.
func (a *api) embed(w http.ResponseWriter, r *http.Request) error {
	start := a.now()
	var body embedRequest
	if err := wire.Decode(r, &body, ignoredOfEmbeddings...); err != nil {
		return err
	}
	texts, err := body.texts()
	if err != nil {
		return err
	}
	m, release, err := a.open(r, body.Model)
	if err != nil {
		return err
	}
	defer release()
	loaded := a.now().Sub(start)
	list, tokens, err := vectors(r, m, "input", texts, body.Truncate == nil || *body.Truncate)
	if err != nil {
		return err
	}
	if n := body.Dimensions; n != nil && *n != 0 && len(list) > 0 && *n != len(list[0]) {
		return wire.Errorf(wire.Unsupported, "dimensions", "is %d: the model's vectors have %d", *n, len(list[0]))
	}
	name := body.Model
	if name == "" {
		name = m.ID
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{
		"model": name, "embeddings": list, "total_duration": a.now().Sub(start), "load_duration": loaded,
		"prompt_eval_count": tokens,
	})
	return nil
}

// embedOne answers with the embedding of one text: the older way to ask for it. The vector has
// length 1, as those of embed.
func (a *api) embedOne(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Model  string `json:"model"`
		Prompt string `json:"prompt"`
	}
	if err := wire.Decode(r, &body, ignoredOfEmbeddings...); err != nil {
		return err
	}
	m, release, err := a.open(r, body.Model)
	if err != nil {
		return err
	}
	defer release()
	vector := []float32{}
	if body.Prompt != "" {
		list, _, err := vectors(r, m, "prompt", []string{body.Prompt}, false)
		if err != nil {
			return err
		}
		vector = list[0]
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"embedding": vector})
	return nil
}
