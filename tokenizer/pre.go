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
	addsBOS      bool   // BOS stands before a text unless the file says otherwise
	composed     bool   // characters are composed before (NFC), for which GGUF has no key
	file         object // as tokenizer.json has it
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
		names = append(names, p.names...)
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
		t.addNormalizer("NFC", norm.NFC.String)
	}
	return c.each("pre_tokenizer", 0, t.buildPreTokenizer)
}
