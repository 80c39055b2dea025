// Package tokenizer turns text into token ids and back: byte-level BPE and
// SentencePiece-style BPE, read from a tokenizer.json, a tokenizer.model or the vocabulary
// of a GGUF file, and trained from text. The results equal those of Hugging Face's tokenizers.
package tokenizer

import (
	"slices"
	"strings"
	"sync"

	sugarme "github.com/sugarme/tokenizer"

	"trit/setting"
)

// Tokenizer encodes and decodes text. It may be used from several goroutines.
//
// It has parts: added tokens, which are found in a text before anything else, a normaliser, a
// pre-tokenizer, a model, special tokens around a text, and a decoder. Parts gives them as the
// interfaces of github.com/sugarme/tokenizer, and FromParts takes other implementations. Encode
// and Decode call the parts of this package directly.
type Tokenizer struct {
	model     *bpe
	normalize []func(string) string

	normalizeNames []string // of the functions of normalize and mark, with what they take

	mark       []func(s string, first bool) string // what pre-tokenizers change; first = the text begins with s
	split      []splitter
	splitNames []string // names of the parts of the pre-tokenizer
	raw        matcher  // added tokens looked for in the text as it is
	normalized matcher  // added tokens looked for after normalisation
	added      map[int32]addedToken
	prefix     []int32   // ids before a text with special tokens
	suffix     []int32   // ids after it
	pre        string    // the pre-tokenizer's name in GGUF
	trimSpace  bool      // decoding removes a space at the beginning
	scores     []float32 // of a SentencePiece vocabulary; nil = made of the merges
	settings   settings
	source     map[string][]byte // the files it was read from; nil = a GGUF vocabulary
	ends       []int32           // ids that end a text, which other files of the model name
	notes      []setting.Note    // what was assumed

	turnEndOnce sync.Once
	turnEnd     int32 // set by turnEndOnce
	packed      bool  // source is what a GGUF file holds
	wholeOnce   sync.Once
	whole       string // set by wholeOnce: see Vocab.HuggingFace
	guardsOnce  sync.Once
	guards      *strings.Replacer // set by guardsOnce: see guarded

	parts   *Parts          // of FromParts; nil = a tokenizer that was read or trained
	foreign bool            // the pre-tokenizer and the model of parts are called by sugarme's interfaces
	decoder sugarme.Decoder // of parts; nil = ours
	texts   [][]byte        // of the tokens, by that decoder
}

// settings are what tokenizer_config.json and its siblings say.
type settings struct {
	bos, eos, unk, pad int32 // -1 = none
	templates          chatTemplates
}

// addedToken is a token that is found in a text before anything else.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// Encode turns text into ids. Added tokens in the text, special ones too, become their ids. With
// addSpecial, the special tokens that the tokenizer prescribes, such as BOS, stand around them.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	ids := t.encode(text, false)
	if addSpecial {
		ids = slices.Concat(t.prefix, ids, t.suffix)
	}
	return ids
}

// encode turns text into ids. In guarded text, guards are taken out once added tokens were found.
func (t *Tokenizer) encode(text string, guarded bool) (ids []int32) {
	first := true
	t.raw.split(text, func(part string) {
		ids = t.encodeNormalized(ids, part, first, guarded)
		first = false
	}, func(id int32, _ int) {
		ids = append(ids, id)
		first = false
	})
	return ids
}

// EncodePrompt turns text into ids as Encode does with special tokens, but a text that begins
// with the tokens that would be put before it, such as BOS, does not get them twice.
func (t *Tokenizer) EncodePrompt(text string) []int32 {
	ids := t.Encode(text, true)
	if n := len(t.prefix); n > 0 && len(ids) >= 2*n && slices.Equal(ids[n:2*n], t.prefix) {
		return ids[n:]
	}
	return ids
}

// EncodeText turns text into ids as Encode does, but what looks like a special token in it is text.
// Strangers write it; a prompt that someone has laid out, EncodePrompt takes.
func (t *Tokenizer) EncodeText(text string, addSpecial bool) []int32 {
	ids := t.encode(t.guarded(text), true)
	if addSpecial {
		ids = slices.Concat(t.prefix, ids, t.suffix)
	}
	return ids
}

// Notes are what was assumed where the tokenizer was read from a GGUF file that leaves
// something open.
func (t *Tokenizer) Notes() []setting.Note { return slices.Clone(t.notes) }

// EncodeOrdinary turns text into ids. Added tokens in the text are encoded as ordinary text.
func (t *Tokenizer) EncodeOrdinary(text string) []int32 {
	return t.encodePart(nil, t.normalizeText(text), true)
}

// encodeNormalized encodes a part of a text between added tokens. first reports whether the text
// begins with it.
func (t *Tokenizer) encodeNormalized(ids []int32, part string, first, guarded bool) []int32 {
	t.normalized.split(t.normalizeText(part), func(s string) {
		if guarded {
			s = strings.ReplaceAll(s, guard, "")
		}
		ids = t.encodePart(ids, s, first)
		first = false
	}, func(id int32, _ int) {
		ids = append(ids, id)
		first = false
	})
	return ids
}

func (t *Tokenizer) normalizeText(s string) string {
	for _, f := range t.normalize {
		s = f(s)
	}
	return s
}

// encodePart splits normalised text into words and encodes each.
func (t *Tokenizer) encodePart(ids []int32, text string, first bool) []int32 {
	if t.foreign {
		return t.encodeForeign(ids, text, first)
	}
	for _, f := range t.mark {
		text = f(text, first)
	}
	if text == "" {
		return ids
	}
	cache := t.model.takeCache()
	defer t.model.caches.Put(cache)
	splitAll(t.split, text, func(word string) { ids = t.model.encode(ids, word, cache) })
	return ids
}

// splitAll runs text through splitters, one after another.
func splitAll(splits []splitter, text string, yield func(string)) {
	if len(splits) == 0 {
		yield(text)
		return
	}
	splits[0](text, func(part string) { splitAll(splits[1:], part, yield) })
}

// Decode turns ids into text; special tokens are left out.
func (t *Tokenizer) Decode(ids []int32) string {
	if t.decoder != nil {
		return t.decodeForeign(ids)
	}
	var b []byte
	run := 0 // length of the byte tokens at the end of b
	for _, id := range ids {
		token := t.TokenBytes(id)
		switch {
		case len(token) == 0: // left out: bytes before and after it belong together
		case t.model.isByte(id):
			run++
		default:
			b, run = mendBytes(b, run), 0
		}
		b = append(b, token...)
	}
	text := lossy(mendBytes(b, run))
	if t.trimSpace {
		return strings.TrimPrefix(text, " ")
	}
	return text
}

// TokenBytes is the text of one token, which may be a part of a character; nil for special
// tokens and for ids that do not exist.
func (t *Tokenizer) TokenBytes(id int32) []byte {
	if a, ok := t.added[id]; ok {
		if a.Special {
			return nil
		}
		return []byte(a.Content)
	}
	if t.decoder != nil && id >= 0 && int(id) < len(t.texts) {
		return t.texts[id]
	}
	return t.model.text(id)
}

// VocabSize is the largest id plus one.
func (t *Tokenizer) VocabSize() int {
	n := len(t.model.tokens)
	for id := range t.added {
		n = max(n, int(id)+1)
	}
	return n
}

// TokenID is the id of a token by its name in the vocabulary.
func (t *Tokenizer) TokenID(name string) (int32, bool) {
	if id, ok := t.model.ids[name]; ok {
		return id, true
	}
	for id, a := range t.added {
		if a.Content == name {
			return id, true
		}
	}
	return 0, false
}

// BOS is the id of the beginning-of-text token, -1 if there is none.
func (t *Tokenizer) BOS() int32 { return t.settings.bos }

// EOS is the id of the end-of-text token, -1 if there is none.
func (t *Tokenizer) EOS() int32 { return t.settings.eos }
