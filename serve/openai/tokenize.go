package openai

import (
	"net/http"
	"unicode/utf8"

	"trit/serve/answer"
	"trit/serve/wire"
)

// tokenizeRequest is the body of /tokenize, by the fields that llama-server has.
type tokenizeRequest struct {
	Model        string  `json:"model"`
	Content      *string `json:"content"`
	AddSpecial   bool    `json:"add_special"`   // put tokens such as BOS around the text
	ParseSpecial bool    `json:"parse_special"` // special tokens in the text are tokens
	WithPieces   bool    `json:"with_pieces"`
}

// pieceObject is a token with its text: a string, or numbers of bytes if it is a part of a
// character. A special token has no text.
type pieceObject struct {
	ID    int32 `json:"id"`
	Piece any   `json:"piece"`
}

func (a *api) tokenize(w http.ResponseWriter, r *http.Request) error {
	var body tokenizeRequest
	if err := wire.Decode(r, &body); err != nil {
		return err
	}
	if body.Content == nil {
		return wire.Errorf(wire.InvalidInput, "content", "is missing")
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	s, err := m.Encode(r.Context(), "content", answer.Prompt{
		Text: *body.Content, Special: body.ParseSpecial, Bare: !body.AddSpecial,
	})
	if err != nil {
		return err
	}
	tokens := make([]any, len(s.IDs()))
	for i, id := range s.IDs() {
		if tokens[i] = id; body.WithPieces {
			tokens[i] = pieceObject{id, pieceOf(m.Tokenizer.TokenBytes(id))}
		}
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"tokens": tokens})
	return nil
}

// pieceOf is the text of a token in JSON.
func pieceOf(b []byte) any {
	if utf8.Valid(b) {
		return string(b)
	}
	return numbersOf(b)
}

// numbersOf are bytes that JSON shows as numbers.
func numbersOf(b []byte) []int {
	numbers := make([]int, len(b))
	for i, v := range b {
		numbers[i] = int(v)
	}
	return numbers
}

// detokenizeRequest is the body of /detokenize.
type detokenizeRequest struct {
	Model  string  `json:"model"`
	Tokens []int32 `json:"tokens"`
}

func (a *api) detokenize(w http.ResponseWriter, r *http.Request) error {
	var body detokenizeRequest
	if err := wire.Decode(r, &body); err != nil {
		return err
	}
	if body.Tokens == nil {
		return wire.Errorf(wire.InvalidInput, "tokens", "is missing")
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	s, err := m.Encode(r.Context(), "tokens", answer.Prompt{IDs: body.Tokens})
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"content": m.Tokenizer.Decode(s.IDs())})
	return nil
}
