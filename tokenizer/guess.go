package tokenizer

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"trit/setting"
)

func (t *Tokenizer) note(format string, args ...any) {
	t.notes = append(t.notes, setting.Note(fmt.Sprintf(format, args...)))
}

// knownVocabularies are families of vocabularies by tokens that only they have, with the
// pre-tokenizers that they are used with, the likeliest first.
var knownVocabularies = []struct {
	tokens []string
	names  []string
}{
	{[]string{"<|begin_of_text|>", "<|eot_id|>"}, []string{"llama-bpe"}},
	{[]string{"<|im_start|>", "<|endoftext|>"}, []string{"qwen2", "smollm"}},
	{[]string{"<|endoftext|>", "<fim_prefix>"}, []string{"starcoder"}},
	{[]string{">>TITLE<<", ">>ABSTRACT<<"}, []string{"falcon"}},
}

// llama3Vocabulary is the number of tokens of Llama 3's vocabulary, whose files by old
// converters lack tokenizer.ggml.pre or say default.
const llama3Vocabulary = 128256

// clearShare is the share of the tokens of several characters that the split a vocabulary
// was trained with may cut. Merges reach across the border of words in none.
const clearShare = 0.01

// splitName is the pre-tokenizer of a byte-level vocabulary: the one that it names, or else a
// guess with the reason for it.
func (v *Vocab) splitName() (name, why string) {
	const missing = "tokenizer.ggml.pre, the name of the way to split text, is missing: it is taken for %s, %s; " +
		"where that is wrong, texts become other tokens than the model was trained on"
	switch {
	case v.Pre == "default" && len(v.Tokens) == llama3Vocabulary:
		return "llama-bpe", fmt.Sprintf("tokenizer.ggml.pre is default: it is taken for llama-bpe, since the vocabulary has "+
			"%d tokens, as Llama 3's", llama3Vocabulary)
	case v.Pre != "":
		return v.Pre, ""
	case len(v.Tokens) == llama3Vocabulary:
		return "llama-bpe", fmt.Sprintf(missing, "llama-bpe",
			fmt.Sprintf("since the vocabulary has %d tokens, as Llama 3's", llama3Vocabulary))
	}
	for _, known := range knownVocabularies {
		if v.holds(known.tokens) {
			name, _ := v.bestSplit(known.names)
			return name, fmt.Sprintf(missing, name, "since the vocabulary holds the token "+known.tokens[0])
		}
	}
	name, clear := v.bestSplit([]string{"gpt-2", "smollm", "qwen2", "llama-bpe", "falcon"})
	if clear {
		return name, fmt.Sprintf(missing, name, "which cuts the fewest of the vocabulary's tokens")
	}
	return name, fmt.Sprintf(missing, name, "though nothing in the vocabulary speaks for it")
}

// holds reports whether the vocabulary has all of the tokens.
func (v *Vocab) holds(tokens []string) bool {
	for _, token := range tokens {
		if !slices.Contains(v.Tokens, token) {
			return false
		}
	}
	return true
}

// bestSplit is the pre-tokenizer that cuts the fewest tokens, of equal ones the one that
// cuts texts most often. A split that a vocabulary was trained with cuts next to none;
// where each cuts more, it is not clear which it was, and it is the first.
func (v *Vocab) bestSplit(names []string) (best string, clear bool) {
	texts := v.mergedTexts()
	fewest := int(float64(len(texts)) * clearShare)
	if len(names) == 1 || len(texts) == 0 {
		return names[0], len(names) == 1
	}
	best = names[0]
	fineness := func(name string) int {
		return slices.Index([]string{"falcon", "llama-bpe", "gpt-2", "qwen2", "smollm"}, name)
	}
	for _, name := range names {
		n, ok := cutTexts(texts, name, fewest)
		if ok && (n < fewest || !clear || fineness(name) > fineness(best)) {
			best, fewest, clear = name, n, true
		}
	}
	return best, clear
}

// mergedTexts are the texts of the normal tokens of several characters.
func (v *Vocab) mergedTexts() []string {
	var texts []string
	for id, name := range v.Tokens {
		if v.kind(id) != typeNormal {
			continue
		}
		if text := string(decodeByteRunes(name)); utf8.ValidString(text) && utf8.RuneCountInString(text) > 1 {
			texts = append(texts, text)
		}
	}
	return texts
}

// cutTexts counts the texts that a pre-tokenizer cuts in two; not ok where they are more
// than most.
func cutTexts(texts []string, name string, most int) (n int, ok bool) {
	p, _ := preTokenizerOf(name)
	t := &Tokenizer{model: &bpe{}}
	if err := t.usePreTokenizer(p); err != nil {
		return 0, false
	}
	for _, text := range texts {
		words := 0
		splitAll(t.split, text, func(string) { words++ })
		if words > 1 {
			n++
		}
		if n > most {
			return n, false
		}
	}
	return n, true
}

// AddsBOS reports whether BOS stands before a text where a GGUF file does not say so: by its
// pre-tokenizer, as in llama.cpp, and always for SentencePiece.
func (v *Vocab) AddsBOS() bool {
	if v.BOS < 0 || v.Model != "gpt2" {
		return v.BOS >= 0
	}
	name, _ := v.splitName()
	p, _ := preTokenizerOf(name)
	return p.addsBOS
}
