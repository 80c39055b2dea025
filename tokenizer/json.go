package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Limits of a tokenizer.json.
const (
	maxTokens     = 1 << 22
	maxMerges     = 1 << 22
	maxTokenBytes = 1 << 14
	maxNesting    = 8 // of sequences of normalisers and the like
)

// FormatError is a tokenizer file that breaks its format.
type FormatError struct{ File, Field, Problem string }

func (e *FormatError) Error() string { return fmt.Sprintf("%s: %s: %s", e.File, e.Field, e.Problem) }

// UnsupportedError is a part of a tokenizer that this package cannot run faithfully.
type UnsupportedError struct{ Field, Kind string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("tokenizer.json: %s: type %q is not supported: want byte-level BPE or BPE with byte fallback", e.Field, e.Kind)
}

// sideFiles are the files beside tokenizer.json that belong to a tokenizer.
var sideFiles = []string{"tokenizer_config.json", "special_tokens_map.json"}

// Load reads a tokenizer.json, or the one of a folder, with the files beside it.
func Load(path string) (*Tokenizer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "tokenizer.json")
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no tokenizer.json: name a folder that holds one, or train one with trit tokenizer train", path)
	}
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"tokenizer.json": b}
	for _, name := range sideFiles {
		if side, err := os.ReadFile(filepath.Join(filepath.Dir(path), name)); err == nil {
			files[name] = side
		}
	}
	t, err := parseFiles(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Parse reads the contents of tokenizer.json and tokenizer_config.json (nil = none).
func Parse(tokenizerJSON, configJSON []byte) (*Tokenizer, error) {
	files := map[string][]byte{"tokenizer.json": tokenizerJSON}
	if configJSON != nil {
		files["tokenizer_config.json"] = configJSON
	}
	return parseFiles(files)
}

// component is a normaliser, pre-tokenizer, post-processor or decoder.
type component struct {
	Type           string          `json:"type"`
	Normalizers    []component     `json:"normalizers"`
	PreTokenizers  []component     `json:"pretokenizers"`
	Processors     []component     `json:"processors"`
	Prepend        string          `json:"prepend"`
	Pattern        pattern         `json:"pattern"`
	Content        string          `json:"content"`
	Behavior       string          `json:"behavior"`
	Invert         bool            `json:"invert"`
	AddPrefixSpace bool            `json:"add_prefix_space"`
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

type tokenizerFile struct {
	AddedTokens   []addedToken `json:"added_tokens"`
	Normalizer    *component   `json:"normalizer"`
	PreTokenizer  *component   `json:"pre_tokenizer"`
	PostProcessor *component   `json:"post_processor"`
	Model         struct {
		Type                    string           `json:"type"`
		UnkToken                *string          `json:"unk_token"`
		ContinuingSubwordPrefix string           `json:"continuing_subword_prefix"`
		EndOfWordSuffix         string           `json:"end_of_word_suffix"`
		FuseUnk                 bool             `json:"fuse_unk"`
		ByteFallback            bool             `json:"byte_fallback"`
		IgnoreMerges            bool             `json:"ignore_merges"`
		Vocab                   map[string]int32 `json:"vocab"`
		Merges                  []mergeName      `json:"merges"`
	} `json:"model"`
}

// mergeName reads "a b" and ["a", "b"], which files of different ages write.
type mergeName [2]string

func (m *mergeName) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte("[")) {
		var s []string
		if err := json.Unmarshal(b, &s); err != nil || len(s) != 2 {
			return fmt.Errorf("a merge is %s: want two tokens", b)
		}
		*m = mergeName(s)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	left, right, ok := strings.Cut(s, " ")
	if !ok {
		return fmt.Errorf("a merge is %q: want two tokens with a blank between", s)
	}
	*m = mergeName{left, right}
	return nil
}

func parseFiles(files map[string][]byte) (*Tokenizer, error) {
	var f tokenizerFile
	if err := json.Unmarshal(files["tokenizer.json"], &f); err != nil {
		return nil, &FormatError{"tokenizer.json", "JSON", err.Error()}
	}
	t := &Tokenizer{source: files, added: map[int32]addedToken{}, settings: settings{-1, -1, -1, -1, ""}}
	if err := t.buildModel(&f); err != nil {
		return nil, err
	}
	if err := t.buildNormalizer(f.Normalizer, 0); err != nil {
		return nil, err
	}
	if err := t.buildPreTokenizer(f.PreTokenizer, 0); err != nil {
		return nil, err
	}
	if err := t.buildAdded(f.AddedTokens); err != nil {
		return nil, err
	}
	if err := t.buildPostProcessor(f.PostProcessor, 0); err != nil {
		return nil, err
	}
	return t, t.readSettings(files)
}

func (t *Tokenizer) buildModel(f *tokenizerFile) error {
	m := &f.Model
	if m.Type != "BPE" && m.Type != "" {
		return &UnsupportedError{"model", m.Type}
	}
	if m.ContinuingSubwordPrefix != "" || m.EndOfWordSuffix != "" {
		return &UnsupportedError{"model", "BPE with subword prefixes or suffixes"}
	}
	if len(m.Vocab) == 0 || len(m.Vocab) > maxTokens || len(m.Merges) > maxMerges || len(f.AddedTokens) > maxTokens {
		return &FormatError{"tokenizer.json", "model.vocab", fmt.Sprintf("%d tokens and %d merges: want 1 to %d and at most %d", len(m.Vocab), len(m.Merges), maxTokens, maxMerges)}
	}
	b := &bpe{ids: m.Vocab, merges: make(map[pair]merge, len(m.Merges)), unknown: -1,
		bytesFallback: m.ByteFallback, ignoreMerges: m.IgnoreMerges, fuseUnknown: m.FuseUnk, byteLevel: usesByteLevel(f.PreTokenizer)}
	size := int32(0)
	for name, id := range m.Vocab {
		if id < 0 || id >= maxTokens || len(name) > maxTokenBytes {
			return &FormatError{"tokenizer.json", "model.vocab", fmt.Sprintf("token %.40q has id %d: want ids from 0 to %d and names of at most %d bytes", name, id, maxTokens-1, maxTokenBytes)}
		}
		size = max(size, id+1)
	}
	b.tokens = make([]string, size)
	for name, id := range m.Vocab {
		b.tokens[id] = name
	}
	for _, p := range m.Merges {
		if err := b.addMerge(p[0], p[1]); err != nil {
			return &FormatError{"tokenizer.json", "model.merges", err.Error()}
		}
	}
	if m.UnkToken != nil {
		if id, ok := m.Vocab[*m.UnkToken]; ok {
			b.unknown = id
		}
	}
	b.prepare()
	t.model = b
	return nil
}

func usesByteLevel(c *component) bool {
	if c == nil {
		return false
	}
	for i := range c.PreTokenizers {
		if c.PreTokenizers[i].Type == "ByteLevel" {
			return true
		}
	}
	return c.Type == "ByteLevel"
}

func (t *Tokenizer) buildNormalizer(c *component, depth int) error {
	if c == nil {
		return nil
	}
	if depth > maxNesting {
		return &FormatError{"tokenizer.json", "normalizer", fmt.Sprintf("sequences are nested deeper than %d", maxNesting)}
	}
	switch c.Type {
	case "Sequence":
		for i := range c.Normalizers {
			if err := t.buildNormalizer(&c.Normalizers[i], depth+1); err != nil {
				return err
			}
		}
	case "NFC", "NFD", "NFKC", "NFKD":
		form := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}[c.Type]
		t.normalize = append(t.normalize, form.String)
	case "Lowercase":
		t.normalize = append(t.normalize, strings.ToLower)
	case "Prepend":
		t.normalize = append(t.normalize, func(s string) string { return prependUnlessEmpty(c.Prepend, s) })
	case "Replace":
		if c.Pattern.Regex != "" {
			return &UnsupportedError{"normalizer", "Replace by a regular expression"}
		}
		t.normalize = append(t.normalize, func(s string) string { return strings.ReplaceAll(s, c.Pattern.String, c.Content) })
	default:
		return &UnsupportedError{"normalizer", c.Type}
	}
	return nil
}

func prependUnlessEmpty(prefix, s string) string {
	if s == "" {
		return s
	}
	return prefix + s
}

func (t *Tokenizer) buildPreTokenizer(c *component, depth int) error {
	if c == nil {
		return nil
	}
	if depth > maxNesting {
		return &FormatError{"tokenizer.json", "pre_tokenizer", fmt.Sprintf("sequences are nested deeper than %d", maxNesting)}
	}
	switch c.Type {
	case "Sequence":
		for i := range c.PreTokenizers {
			if err := t.buildPreTokenizer(&c.PreTokenizers[i], depth+1); err != nil {
				return err
			}
		}
	case "ByteLevel":
		if c.AddPrefixSpace {
			t.normalize = append(t.normalize, func(s string) string { return prependUnlessBlank(" ", s) })
		}
		if c.UseRegex == nil || *c.UseRegex {
			t.split, t.pre = append(t.split, scan(gpt2End)), "gpt-2"
		}
	case "Split":
		return t.buildSplit(c)
	case "Digits":
		t.split = append(t.split, digitSplitter(c.Individual))
	case "Metaspace":
		t.buildMetaspace(c)
	default:
		return &UnsupportedError{"pre_tokenizer", c.Type}
	}
	return nil
}

func prependUnlessBlank(prefix, s string) string {
	if strings.HasPrefix(s, prefix) {
		return s
	}
	return prependUnlessEmpty(prefix, s)
}

func (t *Tokenizer) buildSplit(c *component) error {
	if c.Behavior != "Isolated" && !(c.Behavior == "Removed" && c.Invert) {
		return &UnsupportedError{"pre_tokenizer", "Split with behavior " + c.Behavior}
	}
	switch c.Pattern.Regex {
	case gpt2Pattern:
		t.split, t.pre = append(t.split, scan(gpt2End)), "gpt-2"
	case llama3Pattern:
		t.split, t.pre = append(t.split, scan(llama3End)), "llama-bpe"
	case qwen2Pattern:
		t.split, t.pre = append(t.split, scan(qwen2End)), "qwen2"
	default:
		s, err := regexSplitter(c.Pattern.Regex)
		if err != nil || c.Pattern.Regex == "" {
			return &FormatError{"tokenizer.json", "pre_tokenizer.pattern", fmt.Sprintf("%q is not a pattern: %v", c.Pattern.Regex, err)}
		}
		t.split = append(t.split, s)
	}
	return nil
}

// buildMetaspace marks blanks and cuts before each mark.
func (t *Tokenizer) buildMetaspace(c *component) {
	mark := c.Replacement
	t.normalize = append(t.normalize, func(s string) string {
		s = strings.ReplaceAll(s, " ", mark)
		if c.PrependScheme == "never" || c.PrependScheme == "" && !c.AddPrefixSpace {
			return s
		}
		return prependUnlessBlank(mark, s)
	})
	if c.Split == nil || *c.Split {
		t.split = append(t.split, scan(func(s string, i int) int {
			if j := strings.Index(s[i+1:], mark); j >= 0 {
				return i + 1 + j
			}
			return len(s)
		}))
	}
}

func (t *Tokenizer) buildAdded(tokens []addedToken) error {
	var raw, normalized []addedToken
	for _, a := range tokens {
		if a.ID < 0 || a.ID >= maxTokens || len(a.Content) > maxTokenBytes {
			return &FormatError{"tokenizer.json", "added_tokens", fmt.Sprintf("token %.40q has id %d: want 0 to %d", a.Content, a.ID, maxTokens-1)}
		}
		t.added[a.ID] = a
		if a.Normalized {
			a.Content = t.normalizeAdded(a.Content)
			normalized = append(normalized, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw, t.normalized = newMatcher(raw), newMatcher(normalized)
	return nil
}

// normalizeAdded runs the normalisers that do not depend on the place in the text.
func (t *Tokenizer) normalizeAdded(s string) string {
	if t.model.byteLevel {
		return t.normalizeText(s)
	}
	return s
}

// buildPostProcessor finds the special tokens around a single text.
func (t *Tokenizer) buildPostProcessor(c *component, depth int) error {
	if c == nil {
		return nil
	}
	if depth > maxNesting {
		return &FormatError{"tokenizer.json", "post_processor", fmt.Sprintf("sequences are nested deeper than %d", maxNesting)}
	}
	switch c.Type {
	case "Sequence":
		for i := range c.Processors {
			if err := t.buildPostProcessor(&c.Processors[i], depth+1); err != nil {
				return err
			}
		}
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
	if err := errors.Join(json.Unmarshal(c.Single, &pieces), json.Unmarshal(c.SpecialTokens, &special)); err != nil {
		return &FormatError{"tokenizer.json", "post_processor", err.Error()}
	}
	before := true
	for _, p := range pieces {
		switch {
		case p.Sequence != nil:
			before = false
		case p.SpecialToken != nil && before:
			t.prefix = append(t.prefix, special[p.SpecialToken.ID].IDs...)
		case p.SpecialToken != nil:
			t.suffix = append(t.suffix, special[p.SpecialToken.ID].IDs...)
		}
	}
	return nil
}
