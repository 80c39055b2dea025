package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of a token in a GGUF vocabulary and in a tokenizer.model.
const (
	typeNormal      = 1
	typeUnknown     = 2
	typeControl     = 3
	typeUserDefined = 4
	typeUnused      = 5
	typeByte        = 6
)

// Vocab is a tokenizer as a GGUF file carries it, under tokenizer.ggml. These keys cannot
// hold all that a tokenizer.json can: Unicode normalisers, split patterns without a name,
// what added tokens do to spaces and words beside them, several ways to make a
// SentencePiece token and their order, and special tokens around a text other than
// BOS and EOS. HuggingFace holds the whole file where they would lose something.
type Vocab struct {
	Model          string // "gpt2" for byte-level BPE, "llama" for SentencePiece
	Pre            string // name of the pre-tokenizer; "" if GGUF has no name for it
	Tokens         []string
	Types          []int32   // as numbered by llama.cpp: 1 normal to 6 byte
	Scores         []float32 // SentencePiece only: the token with the higher score is merged first
	Merges         []string  // "a b", byte-level only
	BOS, EOS       int32     // -1 = none
	UNK, PAD       int32
	AddBOS         bool
	AddEOS         bool
	AddSpacePrefix bool
	ChatTemplate   string
	Templates      map[string]string // further chat templates by name, such as tool_use
	Ends           []int32           // further ids that end a text, such as those of a turn and a message
	HuggingFace    string            // the whole tokenizer.json; "" where the other fields hold all of it
}

// Vocab is the tokenizer in the form of a GGUF file. A tokenizer that came from a Vocab or from a
// tokenizer.model keeps the scores and types of these. The Vocab of a tokenizer that FromParts
// made has no Model, since GGUF cannot hold it.
func (t *Tokenizer) Vocab() Vocab {
	s := t.settings
	v := Vocab{
		Model: "gpt2", Pre: t.pre, BOS: s.bos, EOS: s.eos, UNK: s.unk, PAD: s.pad, ChatTemplate: s.templates.text,
		Templates: s.templates.named,
		AddBOS:    s.bos >= 0 && slices.Contains(t.prefix, s.bos), AddEOS: s.eos >= 0 && slices.Contains(t.suffix, s.eos),
	}
	if v.BOS < 0 && len(t.prefix) == 1 { // no file but tokenizer.json's template names it
		v.BOS, v.AddBOS = t.prefix[0], true
	}
	if len(t.suffix) == 1 { // the token that GGUF puts after a text is always its EOS
		v.EOS, v.AddEOS = t.suffix[0], true
	}
	for _, id := range t.namedEnds() {
		if id != v.EOS {
			v.Ends = append(v.Ends, id)
		}
	}
	size := t.VocabSize()
	v.Tokens, v.Types = make([]string, size), make([]int32, size)
	copy(v.Tokens, t.model.tokens)
	for id := range v.Tokens {
		v.Types[id] = t.tokenType(int32(id))
		if a, ok := t.added[int32(id)]; ok {
			v.Tokens[id] = a.Content
		} else if v.Tokens[id] == "" {
			v.Tokens[id] = fmt.Sprintf("<unused_%d>", id)
		}
	}
	switch {
	case t.parts != nil:
		v.Model = ""
		return v
	case t.model.byteLevel:
		v.Merges = t.model.mergeNames()
	default:
		v.Model, v.Pre, v.AddSpacePrefix, v.Scores = "llama", "default", t.addsSpace(), t.scores
		if v.Scores == nil {
			v.Scores = t.model.scores(v.Types)
		}
	}
	t.wholeOnce.Do(func() { t.whole = t.wholeFile(v) })
	v.HuggingFace = t.whole
	return v
}

// addsSpace reports whether encoding puts a space before a text.
func (t *Tokenizer) addsSpace() bool {
	text := t.normalizeText("a")
	for _, f := range t.mark {
		text = f(text, true)
	}
	return text != "a"
}

func (t *Tokenizer) tokenType(id int32) int32 {
	a, added := t.added[id]
	switch {
	case id == t.model.unknown:
		return typeUnknown
	case added && a.Special:
		return typeControl
	case added:
		return typeUserDefined
	case t.model.unused[id] || int(id) >= len(t.model.tokens) || t.model.tokens[id] == "":
		return typeUnused
	case t.model.isByte(id):
		return typeByte
	}
	return typeNormal
}

// scores gives tokens scores for engines that know no merges, as SentencePiece does. The tokens
// that merges make have 0, -1 and so on, in the order of their first merge. Other normal tokens
// follow below, in the order of their ids. All others have 0.
func (m *bpe) scores(types []int32) []float32 {
	scores, seen := make([]float32, len(types)), make([]bool, len(types))
	next := float32(0)
	rank := func(id int32) {
		if !seen[id] {
			scores[id], seen[id] = next, true
			next--
		}
	}
	for _, p := range m.order {
		rank(m.merges[p].id)
	}
	for id, kind := range types {
		if kind == typeNormal {
			rank(int32(id))
		}
	}
	return scores
}

// FromVocab makes a tokenizer of the vocabulary of a GGUF file, of its tokenizer.json where
// it holds one that fits the tokens and the merges. Tokens of type unused have no text. Of
// two tokens with the same name, Encode gives the first. Notes say what was assumed.
func FromVocab(v Vocab) (*Tokenizer, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	if v.HuggingFace == "" {
		return fromKeys(v)
	}
	t, err := fromWhole(v)
	if err != nil {
		if t, err2 := fromKeys(v); err2 == nil {
			t.note("tokenizer.huggingface.json is not used, but the keys tokenizer.ggml alone: %v", err)
			return t, nil
		}
	}
	return t, err
}

// fromKeys makes a tokenizer of the keys under tokenizer.ggml.
func fromKeys(v Vocab) (*Tokenizer, error) {
	t := &Tokenizer{added: map[int32]addedToken{}, pre: v.Pre, ends: v.Ends}
	t.settings = settingsOf(v)
	if t.model = newModel(v); len(t.model.ids) == 0 {
		return nil, badVocab("tokens", "none of the %d tokens has text: want one at least", len(v.Tokens))
	}
	var err error
	switch v.Model {
	case "gpt2":
		err = t.fromByteLevel(v)
	case "llama":
		err = t.fromSentencePiece(v)
	default:
		err = badVocab("model", "%q is not supported: want gpt2 or llama", v.Model)
	}
	if err != nil {
		return nil, err
	}
	t.model.prepare()
	for _, a := range addedOfVocab(v) {
		t.added[a.ID] = a
	}
	t.buildMatchers()
	if v.AddBOS && v.BOS >= 0 {
		t.prefix = []int32{v.BOS}
	}
	if v.AddEOS && v.EOS >= 0 {
		t.suffix = []int32{v.EOS}
	}
	return t, nil
}

func settingsOf(v Vocab) settings {
	return settings{v.BOS, v.EOS, v.UNK, v.PAD, chatTemplates{v.ChatTemplate, v.Templates}}
}

// badVocab makes the FormatError of a field of a GGUF file.
func badVocab(field, format string, args ...any) error {
	return &FormatError{"GGUF", "tokenizer.ggml." + field, fmt.Sprintf(format, args...)}
}

// Check returns an error for a vocabulary whose fields are too large or do not fit each other.
func (v *Vocab) Check() error {
	if len(v.Tokens) == 0 || len(v.Tokens) > maxTokens || len(v.Merges) > maxMerges {
		return badVocab("tokens", "%d tokens and %d merges: want 1 to %d and at most %d",
			len(v.Tokens), len(v.Merges), maxTokens, maxMerges)
	}
	if len(v.Types) != 0 && len(v.Types) != len(v.Tokens) {
		return badVocab("token_type", "%d types for %d tokens", len(v.Types), len(v.Tokens))
	}
	if v.Model == "llama" && len(v.Scores) != len(v.Tokens) {
		return badVocab("scores", "%d scores for %d tokens", len(v.Scores), len(v.Tokens))
	}
	for id, name := range v.Tokens {
		if len(name) > maxTokenBytes {
			return badVocab("tokens", "token %d has %d bytes: want at most %d", id, len(name), maxTokenBytes)
		}
	}
	for id, score := range v.Scores {
		if score != score {
			return badVocab("scores", "the score of token %d is not a number", id)
		}
	}
	for _, id := range v.Ends {
		if id < 0 || int(id) >= len(v.Tokens) {
			return badVocab("eot_token_id, eom_token_id or eos_token_ids", "%d is not one of the %d tokens", id, len(v.Tokens))
		}
	}
	for name, id := range map[string]int32{"bos": v.BOS, "eos": v.EOS, "unknown": v.UNK, "padding": v.PAD} {
		if id < -1 || int(id) >= len(v.Tokens) {
			return badVocab(name+"_token_id", "%d is not one of the %d tokens", id, len(v.Tokens))
		}
	}
	return nil
}

// kind is the type of a token. In a file without types all tokens are normal.
func (v *Vocab) kind(id int) int32 {
	if len(v.Types) == 0 {
		return typeNormal
	}
	return v.Types[id]
}

// newModel makes a model with the tokens of v and no merges.
func newModel(v Vocab) *bpe {
	m := &bpe{
		tokens: v.Tokens, ids: make(map[string]int32, len(v.Tokens)), merges: map[pair]merge{},
		unused: map[int32]bool{}, unknown: -1,
	}
	for id, name := range v.Tokens {
		if v.kind(id) == typeUnused || name == "" {
			m.unused[int32(id)] = true
		} else if _, twice := m.ids[name]; !twice {
			m.ids[name] = int32(id)
		}
		if v.kind(id) == typeUnknown && m.unknown < 0 {
			m.unknown = int32(id)
		}
	}
	return m
}

// addedOfVocab lists the tokens of v that are found in a text before anything else.
func addedOfVocab(v Vocab) []addedToken {
	var added []addedToken
	for id, kind := range v.Types {
		if kind == typeControl || kind == typeUserDefined || kind == typeUnknown {
			added = append(added, addedToken{ID: int32(id), Content: v.Tokens[id], Special: kind != typeUserDefined})
		}
	}
	return added
}

func (t *Tokenizer) fromByteLevel(v Vocab) error {
	name, why := v.splitName()
	if t.pre = name; why != "" {
		t.note("%s", why)
	}
	p, ok := preTokenizerOf(t.pre)
	if !ok {
		return badVocab("pre", "pre-tokenizer %q is not supported: want %s", v.Pre, knownNames())
	}
	if err := t.usePreTokenizer(p); err != nil {
		return err
	}
	for _, m := range v.Merges {
		// A space inside a token is spelled Ġ, so the first space divides.
		left, right, _ := strings.Cut(m, " ")
		if err := t.model.addMerge(left, right); err != nil {
			return badVocab("merges", "%v", err)
		}
	}
	return nil
}

// fromSentencePiece makes the merges of the scores: two tokens merge if they spell a third, and
// the pair that makes the token with the highest score merges first.
func (t *Tokenizer) fromSentencePiece(v Vocab) error {
	t.model.bytesFallback, t.model.fuseUnknown = true, true
	if v.UNK >= 0 {
		t.model.unknown = v.UNK
	}
	if v.AddSpacePrefix {
		t.addNormalizer("prepend ▁", func(s string) string { return prependUnlessEmpty("▁", s) })
	}
	t.addNormalizer("replace   ▁", func(s string) string { return strings.ReplaceAll(s, " ", "▁") })
	t.trimSpace, t.scores = v.AddSpacePrefix, v.Scores
	order := make([]int32, 0, len(v.Tokens))
	for id, name := range v.Tokens {
		if v.kind(id) != typeNormal {
			continue
		}
		if len(name) > maxPieceBytes {
			return badVocab("tokens", "token %d has %d bytes: want at most %d of a token that is made of others",
				id, len(name), maxPieceBytes)
		}
		order = append(order, int32(id))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(v.Scores[b], v.Scores[a]) })
	for _, id := range order {
		if err := t.model.addSpellings(id); err != nil {
			return badVocab("tokens", "%v", err)
		}
	}
	return nil
}

// addSpellings adds every merge of two tokens that makes the token id, the merge with the longest
// left part first, as Hugging Face's conversion orders them.
func (m *bpe) addSpellings(id int32) error {
	name := m.tokens[id]
	if m.ids[name] != id {
		return nil
	}
	for i := len(name) - 1; i > 0; i-- {
		l, okL := m.ids[name[:i]]
		r, okR := m.ids[name[i:]]
		if !okL || !okR || !utf8.RuneStart(name[i]) {
			continue
		}
		if len(m.order) == maxMerges {
			return fmt.Errorf("they can be made of each other in more than %d ways", maxMerges)
		}
		m.merges[pair{l, r}] = merge{int32(len(m.order)), id}
		m.order = append(m.order, pair{l, r})
	}
	return nil
}
