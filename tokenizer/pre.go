package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Parts of a pre-tokenizer, as nameOfParts knows them.
const (
	partGPT2        = "gpt-2 pattern"
	partLlama3      = "llama-3 pattern"
	partQwen2       = "qwen-2 pattern"
	partBytes       = "bytes" // in the parts after it, characters stand for bytes
	partDigit       = "each digit"
	partDigits      = "digits"
	partPunctuation = "punctuation Contiguous"
	threeDigits     = "[0-9][0-9][0-9]"
)

// object is a JSON object that is to be written.
type object = map[string]any

// preTokenizer is a way to split text that GGUF has a name for.
type preTokenizer struct {
	names        []string // in GGUF: the first is written, the others mean the same split
	parts        []string // names of its parts
	ignoreMerges bool
	composed     bool   // characters are composed (NFC) before the split; GGUF has no key for that
	file         object // in tokenizer.json
}

// preTokenizers are the pre-tokenizers of byte-level BPE, with the names that llama.cpp reads.
var preTokenizers = []preTokenizer{
	{
		names: []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral"},
		parts: []string{partLlama3, partBytes}, ignoreMerges: true,
		file: sequence(splitBy(llama3Pattern), byteLevel(false)),
	},
	{
		names: []string{"smaug-bpe", "dbrx"}, // llama-bpe, but every word is merged
		parts: []string{partLlama3, partBytes},
		file:  sequence(splitBy(llama3Pattern), byteLevel(false)),
	},
	{
		names: []string{"gpt-2", "", "default", "olmo", "phi-2", "mpt"},
		parts: []string{partGPT2, partBytes},
		file:  byteLevel(true),
	},
	{
		names: []string{"qwen2"},
		parts: []string{partQwen2, partBytes}, composed: true,
		file: sequence(splitBy(qwen2Pattern), byteLevel(false)),
	},
	{
		names: []string{"falcon"},
		parts: []string{partPunctuation, partGPT2, partBytes, partDigits, threeDigits},
		file: sequence(object{"type": "Punctuation", "behavior": "Contiguous"}, byteLevel(true),
			object{"type": "Digits", "individual_digits": false}, splitBy(threeDigits)),
	},
	{
		names: []string{"starcoder", "refact", "smollm", "command-r"},
		parts: []string{partDigit, partGPT2, partBytes},
		file:  sequence(object{"type": "Digits", "individual_digits": true}, byteLevel(true)),
	},
}

func sequence(parts ...object) object { return object{"type": "Sequence", "pretokenizers": parts} }

func byteLevel(useRegex bool) object {
	return object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": useRegex}
}

func splitBy(regex string) object {
	return object{"type": "Split", "pattern": object{"Regex": regex}, "behavior": "Isolated", "invert": false}
}

// preTokenizerOf finds a pre-tokenizer by its name in GGUF.
func preTokenizerOf(name string) (preTokenizer, bool) {
	for _, p := range preTokenizers {
		if slices.Contains(p.names, name) {
			return p, true
		}
	}
	return preTokenizer{}, false
}

// nameOfParts is GGUF's name for the pre-tokenizer with these parts; "" if it has none.
func nameOfParts(parts []string) string {
	for _, p := range preTokenizers {
		if slices.Equal(p.parts, parts) {
			return p.names[0]
		}
	}
	return ""
}

// knownNames lists the pre-tokenizers, for messages.
func knownNames() string {
	var names []string
	for _, p := range preTokenizers {
		names = append(names, p.names[0])
	}
	return strings.Join(names, ", ")
}

// usePreTokenizer makes t split text as p does.
func (t *Tokenizer) usePreTokenizer(p preTokenizer) error {
	b, err := json.Marshal(p.file)
	if err != nil {
		return err
	}
	c, err := parseComponent("pre_tokenizer", b)
	if err != nil {
		return err
	}
	t.model.byteLevel, t.model.ignoreMerges = true, p.ignoreMerges
	if p.composed {
		t.normalize = append(t.normalize, norm.NFC.String)
	}
	return c.each("pre_tokenizer", 0, t.buildPreTokenizer)
}
