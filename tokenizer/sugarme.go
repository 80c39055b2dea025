package tokenizer

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"
)

// Parts are the parts of a Tokenizer, as interfaces of github.com/sugarme/tokenizer. Each can be
// replaced by another implementation; see FromParts.
type Parts struct {
	Normalizer    normalizer.Normalizer // changes a text before it is split; nil: no change
	PreTokenizer  sugarme.PreTokenizer  // splits a text into words; nil: it is one word
	Model         sugarme.Model         // turns a word into tokens
	PostProcessor sugarme.PostProcessor // puts special tokens around a text; nil: none
	Decoder       sugarme.Decoder       // turns names of tokens into text; nil: a name is text with ▁ for each space
	// Added are tokens that are found in a text before anything else. Special ones have no
	// text.
	Added []sugarme.AddedTokenWithId
	// BOS and EOS are the names of the tokens at the beginning and at the end of a text; "" = none.
	BOS, EOS     string
	ChatTemplate string // see ApplyChat; "" = none
}

// Parts returns the parts of t. A word of byte-level BPE is spelled as sugarme's ByteLevel
// spells it, a character of GPT-2's alphabet for each byte, so sugarme's parts fit ours.
func (t *Tokenizer) Parts() Parts {
	if t.parts != nil {
		return *t.parts
	}
	p := Parts{
		Normalizer: ownNormalizer{t}, PreTokenizer: ownSplit{t}, Model: ownModel{t},
		PostProcessor: ownTemplate{t}, Decoder: ownDecoder{t},
		BOS: t.name(t.settings.bos), EOS: t.name(t.settings.eos), ChatTemplate: t.settings.templates.text,
	}
	for _, id := range slices.Sorted(maps.Keys(t.added)) {
		a := t.added[id]
		p.Added = append(p.Added, sugarme.AddedTokenWithId{Id: int(id), Special: a.Special, Token: sugarme.AddedToken{
			Content: a.Content, SingleWord: a.SingleWord, LStrip: a.LStrip, RStrip: a.RStrip, Normalized: a.Normalized,
		}})
	}
	return p
}

// Sugarme makes a tokenizer of github.com/sugarme/tokenizer of the parts of t. It gives the same
// ids as Encode, which is faster. Its pre-tokenizer finds the added tokens, since sugarme's own
// search loses some if a text holds several (it sorts its matches by token, not by position).
// Its decoder always leaves special tokens out, whatever its Decode is told. Texts must be
// UTF-8: in others, sugarme's offsets are wrong.
func (t *Tokenizer) Sugarme() *sugarme.Tokenizer {
	s := sugarme.NewTokenizer(t.Parts().Model)
	s.WithPreTokenizer(wholeText{t})
	s.WithPostProcessor(ownTemplate{t})
	s.WithDecoder(ownDecoder{t})
	return s
}

// FromParts makes a tokenizer of parts. If PreTokenizer and Model are both parts of a Tokenizer
// of this package, it encodes at the speed of that one. A text that a part refuses with an error
// has no tokens, like a character that a vocabulary lacks. The tokenizer cannot be written to
// files, and its Vocab has no Model.
func FromParts(p Parts) (*Tokenizer, error) {
	if p.Model == nil {
		return nil, errors.New("tokenizer.FromParts: Parts.Model is nil: want a model")
	}
	t := &Tokenizer{parts: &p, added: map[int32]addedToken{}, settings: noSettings}
	t.settings.templates.text = p.ChatTemplate
	for _, take := range []func(*Parts) error{
		t.takeModel, t.takeDecoder, t.takeAdded, t.takeSplit, t.takeTemplate, t.takeEnds,
	} {
		if err := take(&p); err != nil {
			return nil, fmt.Errorf("tokenizer.FromParts: %w", err)
		}
	}
	t.buildMatchers()
	return t, nil
}

// takeModel uses the model. It copies the vocabulary of a model that is not ours.
func (t *Tokenizer) takeModel(p *Parts) error {
	if own, ok := p.Model.(ownModel); ok {
		t.model = own.t.model
		return nil
	}
	ids := map[string]int32{}
	for name, id := range p.Model.GetVocab() {
		if id < 0 || id >= maxTokens {
			return fmt.Errorf("token %.40q has id %d: want 0 to %d", name, id, maxTokens-1)
		}
		ids[name] = int32(id)
	}
	tokens, err := tokensOf(ids)
	t.model = &bpe{tokens: tokens, ids: ids, unknown: -1}
	t.model.prepare()
	return ofPart("Parts.Model", err)
}

// ofPart replaces the file that a FormatError names by the name of a part.
func ofPart(name string, err error) error {
	var format *FormatError
	if errors.As(err, &format) {
		return fmt.Errorf("%s: %s", name, format.Problem)
	}
	return err
}

// takeDecoder uses the decoder, for the texts of single tokens too.
func (t *Tokenizer) takeDecoder(p *Parts) error {
	if own, ok := p.Decoder.(ownDecoder); ok && own.t.model == t.model {
		t.trimSpace = own.t.trimSpace
		return nil
	}
	if t.decoder = p.Decoder; t.decoder == nil {
		return nil
	}
	t.texts = make([][]byte, len(t.model.tokens))
	for id, name := range t.model.tokens {
		t.texts[id] = []byte(t.decoder.Decode([]string{name}))
	}
	return nil
}

func (t *Tokenizer) takeAdded(p *Parts) error {
	if len(p.Added) > maxAdded {
		return fmt.Errorf("%d added tokens: want at most %d", len(p.Added), maxAdded)
	}
	var added []addedToken
	for _, a := range p.Added {
		if a.Id < 0 || a.Id >= maxTokens {
			return fmt.Errorf("added token %.40q has id %d: want 0 to %d", a.Token.Content, a.Id, maxTokens-1)
		}
		added = append(added, addedToken{
			ID: int32(a.Id), Content: a.Token.Content, SingleWord: a.Token.SingleWord, LStrip: a.Token.LStrip,
			RStrip: a.Token.RStrip, Normalized: a.Token.Normalized, Special: a.Special,
		})
	}
	return ofPart("Parts.Added", t.addTokens(added))
}

// takeSplit uses the normaliser and the pre-tokenizer. If pre-tokenizer and model are both ours,
// they are called directly, else by sugarme's interfaces.
func (t *Tokenizer) takeSplit(p *Parts) error {
	if p.Normalizer != nil {
		t.normalize = []func(string) string{normalizeBy(p.Normalizer)}
	}
	split, ok := p.PreTokenizer.(ownSplit)
	model, okModel := p.Model.(ownModel)
	if ok && okModel && split.t.model.byteLevel == model.t.model.byteLevel {
		t.mark, t.split = split.t.mark, split.t.split
		return nil
	}
	t.foreign = true
	return nil
}

// takeTemplate finds the special tokens that the post-processor puts around a text: it lets it
// process a text of one token.
func (t *Tokenizer) takeTemplate(p *Parts) error {
	if p.PostProcessor == nil {
		return nil
	}
	if own, ok := p.PostProcessor.(ownTemplate); ok {
		t.prefix, t.suffix = own.t.prefix, own.t.suffix
		return nil
	}
	const text = -1
	list := &t.prefix
	one := sugarme.NewEncodingFromTokens([]sugarme.Token{{Id: text, Offsets: []int{0, 0}}}, 0)
	e := p.PostProcessor.Process(one, nil, true)
	for _, id := range e.Ids {
		if id == text {
			list = &t.suffix
			continue
		}
		*list = append(*list, int32(id))
	}
	return nil
}

// takeEnds looks up the tokens at the beginning and at the end of a text.
func (t *Tokenizer) takeEnds(p *Parts) error {
	for _, s := range []struct {
		id   *int32
		name string
	}{{&t.settings.bos, p.BOS}, {&t.settings.eos, p.EOS}} {
		if s.name == "" {
			continue
		}
		id, ok := t.TokenID(s.name)
		if !ok {
			return fmt.Errorf("the vocabulary has no token %q", s.name)
		}
		*s.id = id
	}
	return nil
}

// normalizeBy is a normaliser as a function of text.
func normalizeBy(n normalizer.Normalizer) func(string) string {
	if own, ok := n.(ownNormalizer); ok {
		return own.t.normalizeText
	}
	return func(s string) string {
		out, err := n.Normalize(normalizer.NewNormalizedFrom(s))
		if err != nil {
			return ""
		}
		return out.GetNormalized()
	}
}

// encodeForeign is encodePart by sugarme's interfaces, for a pre-tokenizer and a model that are
// not both ours.
func (t *Tokenizer) encodeForeign(ids []int32, text string, first bool) []int32 {
	words := sugarme.NewPreTokenizedString(text)
	var err error
	switch split := t.parts.PreTokenizer.(type) {
	case nil:
	case ownSplit:
		words = words.Split(func(_ int, n *normalizer.NormalizedString) []sugarme.SplitIdx {
			return split.t.alignedWords(alignedOf(n), first)
		})
	default:
		words, err = split.PreTokenize(words)
	}
	if err != nil {
		return ids
	}
	words, err = words.Tokenize(func(n *normalizer.NormalizedString) ([]sugarme.Token, error) {
		tokens, err := t.parts.Model.Tokenize(n.GetNormalized())
		if err != nil {
			return nil, nil
		}
		return tokens, nil
	})
	if err != nil {
		return ids
	}
	for _, word := range words.GetSplits(normalizer.NormalizedTarget, sugarme.Byte) {
		for _, token := range word.Tokens {
			ids = append(ids, int32(token.Id))
		}
	}
	return ids
}

// decodeForeign is Decode by the decoder of the parts.
func (t *Tokenizer) decodeForeign(ids []int32) string {
	var names []string
	for _, id := range ids {
		if name := t.name(id); name != "" && !t.added[id].Special {
			names = append(names, name)
		}
	}
	return t.decoder.Decode(names)
}
