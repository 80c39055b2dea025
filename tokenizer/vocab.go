package tokenizer

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Kinds of a token in a GGUF vocabulary.
const (
	typeNormal      = 1
	typeUnknown     = 2
	typeControl     = 3
	typeUserDefined = 4
	typeUnused      = 5
	typeByte        = 6
)

// Vocab is a tokenizer as a GGUF file carries it, under tokenizer.ggml.
type Vocab struct {
	Model          string // "gpt2" for byte-level BPE, "llama" for SentencePiece
	Pre            string // name of the pre-tokenizer
	Tokens         []string
	Types          []int32
	Scores         []float32 // SentencePiece only
	Merges         []string  // "a b"
	BOS, EOS       int32     // -1 = none
	UNK, PAD       int32
	AddBOS         bool
	AddEOS         bool
	AddSpacePrefix bool
	ChatTemplate   string
}

// Vocab is the tokenizer as a GGUF file carries it.
func (t *Tokenizer) Vocab() Vocab {
	s := t.settings
	v := Vocab{Model: "gpt2", Pre: t.pre, BOS: s.bos, EOS: s.eos, UNK: s.unk, PAD: s.pad, ChatTemplate: s.chatTemplate,
		AddBOS: s.bos >= 0 && slices.Contains(t.prefix, s.bos), AddEOS: s.eos >= 0 && slices.Contains(t.suffix, s.eos),
		Merges: t.model.mergeNames}
	if len(t.suffix) == 1 { // what GGUF puts behind a text is always its EOS
		v.EOS, v.AddEOS = t.suffix[0], true
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
	if !t.model.byteLevel {
		v.Model, v.Pre, v.Scores = "llama", "default", t.scores(size)
		v.AddSpacePrefix = t.normalizeText("a") != "a"
	}
	return v
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
	case int(id) >= len(t.model.tokens) || t.model.tokens[id] == "":
		return typeUnused
	case t.model.bytesFallback && slices.Contains(t.model.byteIDs[:], id):
		return typeByte
	}
	return typeNormal
}

// scores ranks tokens for engines that know no merges: the earlier a token's merge,
// the higher its score.
func (t *Tokenizer) scores(size int) []float32 {
	scores := make([]float32, size)
	for _, m := range t.model.merges {
		if s := -float32(m.rank) - 1; scores[m.id] == 0 || s > scores[m.id] {
			scores[m.id] = s
		}
	}
	return scores
}

// FromVocab makes a tokenizer of the vocabulary of a GGUF file.
func FromVocab(v Vocab) (*Tokenizer, error) {
	bad := func(field, format string, args ...any) error {
		return &FormatError{"GGUF", "tokenizer.ggml." + field, fmt.Sprintf(format, args...)}
	}
	if len(v.Tokens) == 0 || len(v.Tokens) > maxTokens || len(v.Merges) > maxMerges {
		return nil, bad("tokens", "%d tokens and %d merges: want 1 to %d and at most %d", len(v.Tokens), len(v.Merges), maxTokens, maxMerges)
	}
	if len(v.Types) != 0 && len(v.Types) != len(v.Tokens) {
		return nil, bad("token_type", "%d types for %d tokens", len(v.Types), len(v.Tokens))
	}
	for name, id := range map[string]int32{"bos": v.BOS, "eos": v.EOS, "unknown": v.UNK, "padding": v.PAD} {
		if id < -1 || int(id) >= len(v.Tokens) {
			return nil, bad(name+"_token_id", "%d is not one of the %d tokens", id, len(v.Tokens))
		}
	}
	t := &Tokenizer{added: map[int32]addedToken{}, pre: v.Pre, settings: settings{v.BOS, v.EOS, v.UNK, v.PAD, v.ChatTemplate}}
	t.model = &bpe{tokens: v.Tokens, ids: make(map[string]int32, len(v.Tokens)), merges: map[pair]merge{}, unknown: -1}
	for id, name := range v.Tokens {
		if _, twice := t.model.ids[name]; !twice {
			t.model.ids[name] = int32(id)
		}
	}
	var err error
	switch v.Model {
	case "gpt2":
		err = t.fromByteLevel(v)
	case "llama":
		err = t.fromSentencePiece(v)
	default:
		return nil, bad("model", "%q is not supported: want gpt2 or llama", v.Model)
	}
	if err != nil {
		return nil, bad("merges", "%v", err)
	}
	t.model.prepare()
	if err := t.buildAdded(addedOfVocab(v)); err != nil {
		return nil, err
	}
	if v.AddBOS && v.BOS >= 0 {
		t.prefix = []int32{v.BOS}
	}
	if v.AddEOS && v.EOS >= 0 {
		t.suffix = []int32{v.EOS}
	}
	return t, nil
}

// addedOfVocab lists the control and user-defined tokens.
func addedOfVocab(v Vocab) []addedToken {
	var added []addedToken
	for id, kind := range v.Types {
		if kind == typeControl || kind == typeUserDefined || kind == typeUnknown && v.Model == "llama" {
			added = append(added, addedToken{ID: int32(id), Content: v.Tokens[id], Special: kind != typeUserDefined})
		}
	}
	return added
}

// llama3Vocabulary is the vocabulary size by which a file that lacks the key
// tokenizer.ggml.pre is known to use Llama 3's split.
const llama3Vocabulary = 128256

func (t *Tokenizer) fromByteLevel(v Vocab) error {
	t.model.byteLevel = true
	switch v.Pre {
	case "llama-bpe", "llama3", "llama-v3", "falcon3":
		t.split, t.model.ignoreMerges = []splitter{scan(llama3End)}, true
	case "", "default":
		if len(v.Tokens) == llama3Vocabulary {
			t.split, t.model.ignoreMerges, t.pre = []splitter{scan(llama3End)}, true, "llama-bpe"
			break
		}
		t.split = []splitter{scan(gpt2End)}
	case "gpt-2", "olmo", "phi-2", "mpt":
		t.split = []splitter{scan(gpt2End)}
	case "qwen2":
		// GGUF has no key for the normaliser, which all tokenizers with this split have.
		t.split, t.normalize = []splitter{scan(qwen2End)}, []func(string) string{norm.NFC.String}
	default:
		return fmt.Errorf("pre-tokenizer %q is not supported: want llama-bpe, gpt-2 or qwen2", v.Pre)
	}
	for _, m := range v.Merges {
		// A blank inside a token is spelled Ġ, so the first blank divides.
		left, right, _ := strings.Cut(m, " ")
		if err := t.model.addMerge(left, right); err != nil {
			return err
		}
	}
	return nil
}

// fromSentencePiece derives the merges from the scores: two tokens merge when they
// spell a third, the one of highest score first.
func (t *Tokenizer) fromSentencePiece(v Vocab) error {
	m := t.model
	m.bytesFallback, m.fuseUnknown, m.unknown = true, true, v.UNK
	if len(v.Scores) != len(v.Tokens) {
		return fmt.Errorf("%d scores for %d tokens", len(v.Scores), len(v.Tokens))
	}
	t.normalize = append(t.normalize, func(s string) string { return strings.ReplaceAll(s, " ", "▁") })
	if v.AddSpacePrefix {
		t.normalize = append(t.normalize, func(s string) string { return prependUnlessEmpty("▁", s) })
	}
	order := make([]int32, len(v.Tokens))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		if v.Scores[a] > v.Scores[b] {
			return -1
		} else if v.Scores[a] < v.Scores[b] {
			return 1
		}
		return 0
	})
	for rank, id := range order {
		name := v.Tokens[id]
		for i := range name {
			l, okL := m.ids[name[:i]]
			r, okR := m.ids[name[i:]]
			if i > 0 && okL && okR && m.ids[name] == id {
				m.merges[pair{l, r}] = merge{int32(rank), id}
			}
		}
	}
	return nil
}
