package tokenizer

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"trit/internal/jsonfile"
)

// component is a normaliser, pre-tokenizer, post-processor or decoder of a tokenizer.json.
type component struct {
	Type           string          `json:"type"`
	Normalizers    []component     `json:"normalizers"`
	PreTokenizers  []component     `json:"pretokenizers"`
	Processors     []component     `json:"processors"`
	Decoders       []component     `json:"decoders"`
	Prepend        string          `json:"prepend"`
	Pattern        pattern         `json:"pattern"`
	Content        string          `json:"content"`
	Start          int             `json:"start"`
	Stop           int             `json:"stop"`
	Behavior       string          `json:"behavior"`
	Invert         bool            `json:"invert"`
	AddPrefixSpace *bool           `json:"add_prefix_space"`
	UseRegex       *bool           `json:"use_regex"`
	Individual     bool            `json:"individual_digits"`
	Replacement    string          `json:"replacement"`
	PrependScheme  string          `json:"prepend_scheme"`
	Split          *bool           `json:"split"`
	Single         json.RawMessage `json:"single"`
	SpecialTokens  json.RawMessage `json:"special_tokens"`
}

type pattern struct {
	String string `json:"String"`
	Regex  string `json:"Regex"`
}

// isSet is the value of a flag; nil, a missing flag, is true.
func isSet(flag *bool) bool { return flag == nil || *flag }

// each visits c, or its parts in their order if c is a sequence.
func (c *component) each(field string, depth int, visit func(*component) error) error {
	if c == nil {
		return nil
	}
	if depth > maxNesting {
		return broken(field, "sequences are nested deeper than %d", maxNesting)
	}
	if c.Type != "Sequence" {
		return visit(c)
	}
	for _, parts := range [][]component{c.Normalizers, c.PreTokenizers, c.Processors, c.Decoders} {
		for i := range parts {
			if err := parts[i].each(field, depth+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// buildComponents reads the parts of a tokenizer.json other than its model.
func (t *Tokenizer) buildComponents(f *tokenizerFile) error {
	growth := 1
	for _, part := range []struct {
		field string
		raw   json.RawMessage
		visit func(*component) error
	}{
		{"normalizer", f.Normalizer, func(c *component) error { return t.buildNormalizer(c, &growth) }},
		{"pre_tokenizer", f.PreTokenizer, t.buildPreTokenizer},
		{"post_processor", f.PostProcessor, t.buildPostProcessor},
		{"decoder", f.Decoder, t.buildDecoder},
	} {
		c, err := parseComponent(part.field, part.raw)
		if err != nil {
			return err
		}
		if err := c.each(part.field, 0, part.visit); err != nil {
			return err
		}
	}
	t.pre = nameOfParts(t.splitNames)
	return nil
}

// buildNormalizer adds a normaliser. growth is the factor by which the normalisers so far can
// lengthen a text; it updates it.
func (t *Tokenizer) buildNormalizer(c *component, growth *int) error {
	switch c.Type {
	case "NFC", "NFD", "NFKC", "NFKD":
		form := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[c.Type]
		t.addNormalizer(c.Type, form.String)
	case "Lowercase":
		t.addNormalizer(c.Type, lower)
	case "Prepend":
		if len(c.Prepend) > maxTokenBytes {
			return broken("normalizer.prepend", "%d bytes: want at most %d", len(c.Prepend), maxTokenBytes)
		}
		t.addNormalizer("prepend "+c.Prepend, func(s string) string { return prependUnlessEmpty(c.Prepend, s) })
	case "Replace":
		return t.buildReplace(c, growth)
	default:
		return &UnsupportedError{"normalizer", c.Type}
	}
	return nil
}

// addNormalizer adds a change of text under a name that says all of what it does.
func (t *Tokenizer) addNormalizer(name string, f func(string) string) {
	t.normalize, t.normalizeNames = append(t.normalize, f), append(t.normalizeNames, name)
}

func (t *Tokenizer) buildReplace(c *component, growth *int) error {
	if c.Pattern.Regex != "" {
		return &UnsupportedError{"normalizer", "Replace by a regular expression"}
	}
	if c.Pattern.String == "" {
		return broken("normalizer.pattern", "it is empty: want the text to replace")
	}
	*growth *= max(1, (len(c.Content)+len(c.Pattern.String)-1)/len(c.Pattern.String))
	if *growth > maxGrowth {
		return broken("normalizer.content", "replacing can make a text %d times as long: want at most %d", *growth, maxGrowth)
	}
	t.addNormalizer("replace "+c.Pattern.String+" "+c.Content, func(s string) string {
		return strings.ReplaceAll(s, c.Pattern.String, c.Content)
	})
	return nil
}

// prependUnlessEmpty prepends to a text that is not empty.
func prependUnlessEmpty(prefix, s string) string {
	if s == "" {
		return s
	}
	return prefix + s
}

func (t *Tokenizer) buildPreTokenizer(c *component) error {
	switch c.Type {
	case "ByteLevel":
		t.buildByteLevel(c)
	case "Split":
		return t.buildSplit(c)
	case "Punctuation":
		if c.Behavior != "Contiguous" && c.Behavior != "Isolated" && c.Behavior != "" {
			return &UnsupportedError{"pre_tokenizer", "Punctuation with behavior " + c.Behavior}
		}
		t.addSplit("punctuation "+c.Behavior, punctuationSplitter(c.Behavior == "Contiguous"))
	case "Digits":
		name := partDigits
		if c.Individual {
			name = partDigit
		}
		t.addSplit(name, digitSplitter(c.Individual))
	case "Metaspace":
		return t.buildMetaspace(c)
	default:
		return &UnsupportedError{"pre_tokenizer", c.Type}
	}
	return nil
}

// addSplit adds a splitter with its name for nameOfParts. A splitter after a ByteLevel gets the
// characters that stand for bytes instead of the text.
func (t *Tokenizer) addSplit(name string, s splitter) {
	if slices.Contains(t.splitNames, partBytes) {
		s = onByteRunes(s)
	}
	t.splitNames, t.split = append(t.splitNames, name), append(t.split, s)
}

func (t *Tokenizer) buildByteLevel(c *component) {
	if c.AddPrefixSpace != nil && *c.AddPrefixSpace {
		t.mark = append(t.mark, func(s string, _ bool) string { return prependOnce(" ", s) })
		t.splitNames = append(t.splitNames, "prefix")
	}
	if isSet(c.UseRegex) {
		t.addSplit(partGPT2, scan(gpt2End))
	}
	t.splitNames = append(t.splitNames, partBytes)
}

// prependOnce prepends to a text that does not begin with the prefix.
func prependOnce(prefix, s string) string {
	if strings.HasPrefix(s, prefix) {
		return s
	}
	return prependUnlessEmpty(prefix, s)
}

func (t *Tokenizer) buildSplit(c *component) error {
	if c.Behavior != "Isolated" && !(c.Behavior == "Removed" && c.Invert) {
		return &UnsupportedError{"pre_tokenizer", "Split with behavior " + c.Behavior}
	}
	switch regex := c.Pattern.Regex; {
	case regex == gpt2Pattern:
		t.addSplit(partGPT2, scan(gpt2End))
	case regex == qwen2Pattern:
		t.addSplit(partQwen2, scan(qwen2End))
	case regex == llama3Pattern:
		t.addSplit(partLlama3, scan(llama3End))
	case len(regex) > maxPatternBytes:
		return broken("pre_tokenizer.pattern", "%d bytes: want at most %d", len(regex), maxPatternBytes)
	default:
		s, err := regexSplitter(regex)
		if err != nil || regex == "" {
			return broken("pre_tokenizer.pattern", "%q is not a pattern: %v", regex, err)
		}
		t.addSplit(regex, s)
	}
	return nil
}

// buildMetaspace adds a change that replaces spaces by a mark, and a splitter that cuts before
// each mark.
func (t *Tokenizer) buildMetaspace(c *component) error {
	mark, scheme := c.Replacement, c.PrependScheme
	if mark == "" || len(mark) > 4 {
		return broken("pre_tokenizer.replacement", "%q: want one character", mark)
	}
	if scheme == "" && !isSet(c.AddPrefixSpace) {
		scheme = "never"
	}
	t.normalizeNames = append(t.normalizeNames, "metaspace "+mark+" "+scheme)
	t.mark = append(t.mark, func(s string, first bool) string {
		s = strings.ReplaceAll(s, " ", mark)
		if scheme == "never" || scheme == "first" && !first {
			return s
		}
		return prependOnce(mark, s)
	})
	if isSet(c.Split) {
		t.addSplit("metaspace", scan(func(s string, i int) int {
			if j := strings.Index(s[i+1:], mark); j >= 0 {
				return i + 1 + j
			}
			return len(s)
		}))
	}
	return nil
}

// buildPostProcessor finds the special tokens around a single text.
func (t *Tokenizer) buildPostProcessor(c *component) error {
	switch c.Type {
	case "ByteLevel": // only moves offsets
	case "TemplateProcessing":
		return t.buildTemplate(c)
	default:
		return &UnsupportedError{"post_processor", c.Type}
	}
	return nil
}

func (t *Tokenizer) buildTemplate(c *component) error {
	var pieces []struct {
		SpecialToken *struct{ ID string } `json:"SpecialToken"`
		Sequence     *struct{ ID string } `json:"Sequence"`
	}
	var special map[string]struct {
		IDs []int32 `json:"ids"`
	}
	if err := errors.Join(jsonfile.Decode(c.Single, &pieces), jsonfile.Decode(c.SpecialTokens, &special)); err != nil {
		return broken("post_processor", "%v", err)
	}
	list := &t.prefix
	for _, p := range pieces {
		if p.Sequence != nil {
			list = &t.suffix
		}
		if p.SpecialToken == nil {
			continue
		}
		ids := special[p.SpecialToken.ID].IDs
		if len(*list)+len(ids) > maxTemplateTokens {
			return broken("post_processor.single", "more than %d tokens stand before or after a text", maxTemplateTokens)
		}
		for _, id := range ids {
			if id < 0 || int(id) >= t.VocabSize() {
				return broken("post_processor.special_tokens", "%q has id %d: the largest is %d",
					p.SpecialToken.ID, id, t.VocabSize()-1)
			}
		}
		*list = append(*list, ids...)
	}
	return nil
}

// buildDecoder sets trimSpace if a decoder removes a space at the beginning of a text. Decode does
// the rest by the kind of the model, so it refuses decoders that make another text of it.
func (t *Tokenizer) buildDecoder(c *component) error {
	known := true
	switch c.Type {
	case "ByteLevel", "ByteFallback", "Fuse":
	case "Replace":
		known = c.Pattern.String == spaceMark && c.Content == " "
	case "Strip":
		known = c.Content == " " && c.Start <= 1 && c.Stop == 0
		t.trimSpace = t.trimSpace || c.Start > 0
	case "Metaspace":
		known = c.Replacement == spaceMark || c.Replacement == ""
		t.trimSpace = t.trimSpace || c.PrependScheme != "never" && (c.PrependScheme != "" || isSet(c.AddPrefixSpace))
	default:
		known = false
	}
	if !known {
		return &UnsupportedError{"decoder", c.Type}
	}
	return nil
}

// spaceMark stands for a space in the tokens of SentencePiece.
const spaceMark = "▁"

// lower is the text with each character in lower case, as Rust's char::to_lowercase has it: Go
// leaves the dot of İ out.
func lower(s string) string { return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307")) }
