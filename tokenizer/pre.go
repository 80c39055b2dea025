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

// Split patterns of models that have no scanner of ours.
const (
	qwen35Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	tekkenPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	gpt4oPattern  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	seedPattern   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`
	lingPattern   = `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`
	wordsPattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	deepPattern   = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	allNumbers  = `\p{N}+`
	eachNumber  = `\p{N}`
	someDigits  = `\p{N}{1,3}`
	newlines    = `[\r\n]`
	someMarks   = `[\p{P}\$\+<=>\^~\|]+`
	hanHangul   = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
	hanKana     = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
	wideMarks   = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
	lastSpaces  = `\s+$`
	casedWords  = `\s?[` + casedLetters + `]+`
	letterWords = `\s?\p{L}+`
	markWords   = `\s?\p{P}+`
)

// casedLetters are the letters that deepseek-llm's pattern lists one by one.
const casedLetters = "A-Za-z" +
	"\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376" +
	"\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f" +
	"\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77" +
	"\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d" +
	"\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb" +
	"\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128" +
	"\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4" +
	"\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf" +
	"\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3" +
	"\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df" +
	"\U0001e900-\U0001e943"

// splits makes a pre-tokenizer of patterns that cut one after another, before bytes.
func splits(p preTokenizer, patterns ...string) preTokenizer {
	var parts []object
	for _, pattern := range patterns {
		parts, p.parts = append(parts, splitBy(pattern)), append(p.parts, partOf(pattern))
	}
	p.parts, p.file = append(p.parts, partBytes), sequence(append(parts, byteLevel(false))...)
	return p
}

// partOf is the name under which a pattern is known among the parts of a pre-tokenizer.
func partOf(pattern string) string {
	switch pattern {
	case gpt2Pattern:
		return partGPT2
	case qwen2Pattern:
		return partQwen2
	case llama3Pattern:
		return partLlama3
	}
	return pattern
}

// preTokenizers are those of byte-level BPE. Names are those that llama.cpp reads, falcon_e
// that of tiiuae's own files. Patterns are those of the models' tokenizer.json, which
// llama.cpp rewrites for its own engine. Of two with the same parts, the first is written.
var preTokenizers = []preTokenizer{
	splits(preTokenizer{
		names: []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e", "falcon-h1", "pixtral", "midm-2.0",
			"lfm2", "jina-v5-nano"},
		ignoreMerges: true, addsBOS: true,
	}, llama3Pattern),
	splits(preTokenizer{ // llama-bpe, but every word is merged
		names: []string{"smaug-bpe", "dbrx", "glm4", "chatglm-bpe"},
	}, llama3Pattern),
	{
		names: []string{"gpt-2", "olmo", "phi-2", "mpt", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat",
			"a.x-4.0", "mellum", "modern-bert", "jais", "trillion", "granite-docling", "exaone4"},
		parts: []string{partGPT2, partBytes},
		file:  byteLevel(true),
	},
	splits(preTokenizer{
		names: []string{"qwen2", "qwen3"}, composed: true,
	}, qwen2Pattern),
	splits(preTokenizer{
		names: []string{"stablelm2", "hunyuan", "solar-open", "grok-2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez"},
	}, qwen2Pattern),
	splits(preTokenizer{names: []string{"qwen35"}, composed: true}, qwen35Pattern),
	{
		names: []string{"falcon"},
		parts: []string{partPunctuation, partGPT2, partBytes, partDigits, threeDigits},
		file: sequence(object{"type": "Punctuation", "behavior": "Contiguous"}, byteLevel(true),
			object{"type": "Digits", "individual_digits": false}, splitBy(threeDigits)),
	},
	{
		names: []string{"starcoder", "refact", "smollm", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
		parts: []string{partDigit, partGPT2, partBytes},
		file:  sequence(object{"type": "Digits", "individual_digits": true}, byteLevel(true)),
	},
	splits(preTokenizer{names: []string{"default"}}, someMarks, gpt2Pattern, allNumbers, threeDigits),
	splits(preTokenizer{names: []string{"tekken"}, ignoreMerges: true, addsBOS: true}, tekkenPattern),
	splits(preTokenizer{names: []string{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}}, gpt4oPattern),
	splits(preTokenizer{
		names: []string{"deepseek-llm"},
	}, newlines, casedWords, wideMarks, lastSpaces, hanHangul, allNumbers),
	splits(preTokenizer{names: []string{"deepseek-coder"}}, newlines, letterWords, markWords, hanHangul, eachNumber),
	splits(preTokenizer{
		names: []string{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
	}, someDigits, hanKana, deepPattern),
	splits(preTokenizer{names: []string{"seed-coder"}}, seedPattern),
	splits(preTokenizer{names: []string{"bailingmoe", "bailingmoe2", "llada-moe"}}, lingPattern),
	splits(preTokenizer{names: []string{"minicpm5"}, ignoreMerges: true}, someDigits, wordsPattern),
}
