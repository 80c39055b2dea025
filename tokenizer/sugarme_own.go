package tokenizer

import (
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"
)

// The parts of a Tokenizer of ours as sugarme's interfaces.
var (
	_ normalizer.Normalizer = ownNormalizer{}
	_ sugarme.PreTokenizer  = ownSplit{}
	_ sugarme.PreTokenizer  = wholeText{}
	_ sugarme.Model         = ownModel{}
	_ sugarme.PostProcessor = ownTemplate{}
	_ sugarme.Decoder       = ownDecoder{}
)

type ownNormalizer struct{ t *Tokenizer }

// Normalize changes a text as the normalisers of a tokenizer.json do.
func (o ownNormalizer) Normalize(n *normalizer.NormalizedString) (*normalizer.NormalizedString, error) {
	return o.t.alignedNormal(alignedOf(n)).normalizedString(), nil
}

// alignedNormal is normalizeText with the origin of each byte.
func (t *Tokenizer) alignedNormal(a aligned) aligned {
	for _, f := range t.normalize {
		a = a.changed(f(a.text))
	}
	return a
}

type ownSplit struct{ t *Tokenizer }

// PreTokenize splits a text into words.
func (o ownSplit) PreTokenize(p *sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	return p.Split(func(i int, n *normalizer.NormalizedString) []sugarme.SplitIdx {
		return o.t.alignedWords(alignedOf(n), i == 0 && n.Shift() == 0)
	}), nil
}

// alignedWords splits a normalised text into words in the model's spelling. first reports whether
// the whole text begins with it.
func (t *Tokenizer) alignedWords(a aligned, first bool) (words []sugarme.SplitIdx) {
	for _, f := range t.mark {
		a = a.changed(f(a.text, first))
	}
	if a.text == "" {
		return nil
	}
	at := 0
	splitAll(t.split, a.text, func(word string) {
		w := a.word(at, word)
		if at += len(word); t.model.byteLevel {
			w = w.spelled()
		}
		words = append(words, w.split())
	})
	return words
}

type wholeText struct{ t *Tokenizer }

// PreTokenize finds the added tokens, normalises the texts between them, and hands these to the
// pre-tokenizer of the parts.
func (o wholeText) PreTokenize(p *sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	t := o.t
	p = p.Split(func(_ int, n *normalizer.NormalizedString) (words []sugarme.SplitIdx) {
		t.alignedTokens(&t.raw, &words, alignedOf(n), func(part aligned) {
			t.alignedTokens(&t.normalized, &words, t.alignedNormal(part), func(part aligned) {
				words = append(words, part.split())
			})
		})
		return words
	})
	if split := t.Parts().PreTokenizer; split != nil {
		return split.PreTokenize(p)
	}
	return p, nil
}

// alignedTokens appends the added tokens of m that a text holds to words, and calls between for
// the texts between them.
func (t *Tokenizer) alignedTokens(m *matcher, words *[]sugarme.SplitIdx, a aligned, between func(aligned)) {
	at := 0
	m.split(a.text, func(part string) {
		between(a.slice(at, at+len(part)))
		at += len(part)
	}, func(id int32, end int) {
		token := a.slice(at, end)
		*words = append(*words, token.split(sugarme.NewToken(int(id), t.name(id), []int{0, end - at})))
		at = end
	})
}

type ownModel struct{ t *Tokenizer }

// Tokenize encodes a word in the spelling of the vocabulary.
func (m ownModel) Tokenize(word string) ([]sugarme.Token, error) {
	text := word
	if m.t.model.byteLevel {
		text = string(decodeByteRunes(word))
	}
	ids := m.t.model.encodeWord(text)
	out := make([]sugarme.Token, len(ids))
	at := 0
	for i, id := range ids {
		name := m.t.name(id)
		end := at + m.length(word[at:], name, ids[i+1:])
		out[i] = sugarme.NewToken(int(id), name, []int{at, end})
		at = end
	}
	return out, nil
}

// length is the number of bytes of a word that its first token, of the given name, stands for.
// next are the ids of the tokens after it.
func (m ownModel) length(word, name string, next []int32) int {
	switch {
	case strings.HasPrefix(word, name):
		return len(name)
	case word == "" || len(next) == 0:
		return len(word)
	case strings.HasPrefix(name, "<0x"):
		return 1
	}
	_, n := utf8.DecodeRuneInString(word) // an unknown character, or several of them
	if i := strings.Index(word[n:], m.t.name(next[0])); i >= 0 && m.t.model.fuseUnknown {
		n += i
	}
	return n
}

// TokenToId finds a token by its name, among the added ones too.
func (m ownModel) TokenToId(name string) (int, bool) {
	id, ok := m.t.TokenID(name)
	return int(id), ok
}

// IdToToken is the name of a token.
func (m ownModel) IdToToken(id int) (string, bool) {
	if id != int(int32(id)) {
		return "", false
	}
	name := m.t.name(int32(id))
	return name, name != ""
}

// GetVocab returns the ids of all tokens by name, with the added tokens.
func (m ownModel) GetVocab() map[string]int {
	vocab := make(map[string]int, len(m.t.model.ids)+len(m.t.added))
	for name, id := range m.t.model.ids {
		vocab[name] = int(id)
	}
	for a := range maps.Values(m.t.added) {
		vocab[a.Content] = int(a.ID)
	}
	return vocab
}

// GetVocabSize is Tokenizer.VocabSize.
func (m ownModel) GetVocabSize() int { return m.t.VocabSize() }

// Save refuses: a tokenizer is written whole.
func (m ownModel) Save(string, ...string) error {
	return errors.New("a model cannot be saved alone: write the contents of tokenizer.Tokenizer.Files")
}

type ownTemplate struct{ t *Tokenizer }

// AddedTokens counts the special tokens around a text or around each of two.
func (o ownTemplate) AddedTokens(isPair bool) int {
	n := len(o.t.prefix) + len(o.t.suffix)
	if isPair {
		n *= 2
	}
	return n
}

// Process puts the special tokens around a text or around each of two.
func (o ownTemplate) Process(text, pair *sugarme.Encoding, addSpecial bool) *sugarme.Encoding {
	if addSpecial {
		text = o.around(text, 0)
		if pair != nil {
			pair = o.around(pair, 1)
		}
	}
	return sugarme.DefaultProcess(text, pair, addSpecial)
}

func (o ownTemplate) around(text *sugarme.Encoding, typeID int) *sugarme.Encoding {
	return o.special(o.t.prefix, typeID).MergeWith(text, false).MergeWith(o.special(o.t.suffix, typeID), false)
}

// special is the encoding of special tokens, which have no offsets in a text.
func (o ownTemplate) special(ids []int32, typeID int) *sugarme.Encoding {
	var tokens []sugarme.Token
	for _, id := range ids {
		tokens = append(tokens, sugarme.NewToken(int(id), o.t.name(id), []int{0, 0}))
	}
	e := sugarme.NewEncodingFromTokens(tokens, typeID)
	for i := range ids {
		e.TypeIds[i], e.SpecialTokenMask[i] = typeID, 1
		e.Words = append(e.Words, -1)
	}
	return e
}

type ownDecoder struct{ t *Tokenizer }

// Decode is Tokenizer.Decode of names; special tokens are left out.
func (o ownDecoder) Decode(names []string) string {
	ids := make([]int32, 0, len(names))
	for _, name := range names {
		if id, ok := o.t.TokenID(name); ok {
			ids = append(ids, id)
		}
	}
	return o.t.Decode(ids)
}

// DecodeChain returns the result of Decode as a list of one text.
func (o ownDecoder) DecodeChain(names []string) []string { return []string{o.Decode(names)} }
