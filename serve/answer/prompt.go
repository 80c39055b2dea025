package answer

import "context"

// Prompt is a text that a client sends, or the tokens of one.
type Prompt struct {
	Text    string
	IDs     []int32 // instead of Text, as they are; nil: there are none
	Special bool    // what looks like a special token in Text is one
	Bare    bool    // nothing is put around Text, such as a token of its beginning
}

// Sequence is tokens that the filter has seen. Only Model.Encode makes one, and all that a model
// reads beside conversations is one: so nothing passes the filter by.
type Sequence struct{ ids []int32 }

// IDs are the tokens.
func (s Sequence) IDs() []int32 { return s.ids }

// Cut is the first n tokens, the last of which becomes end if that is not negative.
func (s Sequence) Cut(n int, end int32) Sequence {
	ids := s.ids[:n:n]
	if end >= 0 {
		ids = append(ids[:n-1:n-1], end)
	}
	return Sequence{ids}
}

// Encode gives the tokens of a prompt, which a field of a request holds, once the filter of the
// context has seen its text. Tokens whose text the filter changes become those of the new text.
func (m *Model) Encode(ctx context.Context, field string, p Prompt) (Sequence, error) {
	text := p.Text
	if p.IDs != nil {
		if err := m.CheckIDs(field, p.IDs); err != nil {
			return Sequence{}, err
		}
		text = m.Tokenizer.Decode(p.IDs)
	}
	filtered, err := inputFilter(ctx)(text)
	switch {
	case err != nil:
		return Sequence{}, err
	case p.IDs != nil && filtered == text:
		return Sequence{p.IDs}, nil
	case p.Special && p.Bare:
		return Sequence{m.Tokenizer.Encode(filtered, false)}, nil
	case p.Special:
		return Sequence{m.Tokenizer.EncodePrompt(filtered)}, nil
	}
	return Sequence{m.Tokenizer.EncodeText(filtered, !p.Bare)}, nil
}

// Tokens is the sequence of tokens that a model gets for a request, as Ask makes it. It fails with
// RequestError, or with the error of the filter.
func Tokens(ctx context.Context, m *Model, r Request) ([]int32, error) {
	a, err := newAsking(ctx, m, &r)
	if err != nil {
		return nil, err
	}
	return a.prompt()
}
