package tokenizer

import (
	"fmt"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"
)

// Sugarme plugs the model and the split of t into a tokenizer of
// github.com/sugarme/tokenizer, for programs that are built on its interfaces. Encode
// of t itself takes a faster way to the same ids.
func (t *Tokenizer) Sugarme() *sugarme.Tokenizer {
	s := sugarme.NewTokenizer(sugarmeModel{t})
	s.WithPreTokenizer(sugarmeSplit{t})
	var special []sugarme.AddedToken
	for _, a := range t.added {
		special = append(special, sugarme.NewAddedToken(a.Content, a.Special))
	}
	s.AddSpecialTokens(special)
	return s
}

type sugarmeSplit struct{ t *Tokenizer }

// PreTokenize cuts text into words.
func (s sugarmeSplit) PreTokenize(p *sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	return p.Split(func(_ int, n *normalizer.NormalizedString) []sugarme.SplitIdx {
		var out []sugarme.SplitIdx
		at := 0
		splitAll(s.t.split, n.GetNormalized(), func(word string) {
			part := n.Slice(normalizer.NewRange(at, at+len(word), normalizer.NormalizedTarget))
			out = append(out, sugarme.SplitIdx{Normalized: part})
			at += len(word)
		})
		return out
	}), nil
}

type sugarmeModel struct{ t *Tokenizer }

// Tokenize encodes one word.
func (m sugarmeModel) Tokenize(word string) ([]sugarme.Token, error) {
	var out []sugarme.Token
	at := 0
	for _, id := range m.t.model.encode(nil, word) {
		n := len(m.t.TokenBytes(id))
		out = append(out, sugarme.Token{Id: int(id), Value: m.t.name(id), Offsets: []int{at, min(at+n, len(word))}})
		at += n
	}
	return out, nil
}

func (m sugarmeModel) TokenToId(name string) (int, bool) {
	id, ok := m.t.TokenID(name)
	return int(id), ok
}

func (m sugarmeModel) IdToToken(id int) (string, bool) {
	name := m.t.name(int32(id))
	return name, name != ""
}

func (m sugarmeModel) GetVocab() map[string]int {
	vocab := make(map[string]int, len(m.t.model.ids))
	for name, id := range m.t.model.ids {
		vocab[name] = int(id)
	}
	return vocab
}

func (m sugarmeModel) GetVocabSize() int { return m.t.VocabSize() }

func (m sugarmeModel) Save(string, ...string) error {
	return fmt.Errorf("write the contents of Tokenizer.Files instead")
}
