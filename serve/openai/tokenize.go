package openai

import (
	"net/http"
	"unicode/utf8"

	"trit/serve/wire"
)

// tokenizeRequest is the body of /tokenize, by the fields that llama-server has.
type tokenizeRequest struct {
	Model        string  `json:"model"`
	Content      *string `json:"content"`
	AddSpecial   bool    `json:"add_special"`   // put tokens such as BOS around the text
	ParseSpecial *bool   `json:"parse_special"` // special tokens in the text are tokens; nil: they are
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
	ordinary := body.ParseSpecial != nil && !*body.ParseSpecial
	switch {
	case body.Content == nil:
		return wire.Errorf(wire.InvalidInput, "content", "is missing")
	case ordinary && body.AddSpecial:
		return wire.Errorf(wire.Unsupported, "parse_special", "is false, which add_special does not go with")
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	var ids []int32
	if ordinary {
		ids = m.Tokenizer.EncodeOrdinary(*body.Content)
	} else {
		ids = m.Tokenizer.Encode(*body.Content, body.AddSpecial)
	}
	tokens := make([]any, len(ids))
	for i, id := range ids {
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
	if err := m.CheckIDs("tokens", body.Tokens); err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"content": m.Tokenizer.Decode(body.Tokens)})
	return nil
}
