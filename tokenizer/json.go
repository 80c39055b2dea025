package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/setting"
)

// Names of a tokenizer's files in a Hugging Face folder.
const (
	jsonFile       = "tokenizer.json"
	pieceFile      = "tokenizer.model" // SentencePiece's
	configFileName = "tokenizer_config.json"
	specialMapFile = "special_tokens_map.json"
	templateFile   = "chat_template.jinja"
	addedFile      = "added_tokens.json"
)

// Load reads the tokenizer of a folder: its tokenizer.json, or else its tokenizer.model of
// SentencePiece, with the files beside it. path may also be one of these two files.
func Load(path string) (*Tokenizer, error) {
	names, dir := []string{jsonFile, pieceFile}, path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		names, dir = []string{filepath.Base(path)}, filepath.Dir(path)
	}
	for _, name := range names {
		b, err := atomicfile.Read(filepath.Join(dir, name), maxFileBytes)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := loadFrom(dir, name, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		return t, nil
	}
	return nil, setting.Needs("tokenizer.Train", path+": there is no tokenizer.json and no tokenizer.model",
		"name a folder that holds one, or train one with {tokenizer.Train}")
}

// loadFrom reads a tokenizer whose vocabulary is the file name, with the content b, of the folder
// dir.
func loadFrom(dir, name string, b []byte) (*Tokenizer, error) {
	pieces := filepath.Ext(name) == filepath.Ext(pieceFile)
	sides := append(templateNames(dir), configFileName, specialMapFile, templateFile)
	files := map[string][]byte{jsonFile: b}
	if pieces {
		sides, files = append(sides, addedFile), map[string][]byte{pieceFile: b}
	}
	for _, side := range sides {
		b, err := atomicfile.Read(filepath.Join(dir, side), maxSideFileBytes)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[side] = b
	}
	parse := parseFiles
	if pieces {
		parse = parsePieceFiles
	}
	t, err := parse(files)
	if err != nil {
		return nil, err
	}
	return t, t.readEnds(dir)
}

// Parse reads the contents of tokenizer.json and tokenizer_config.json (nil = none).
func Parse(tokenizerJSON, configJSON []byte) (*Tokenizer, error) {
	files := map[string][]byte{jsonFile: tokenizerJSON}
	if configJSON != nil {
		files[configFileName] = configJSON
	}
	return parseFiles(files)
}

type tokenizerFile struct {
	AddedTokens   addedList       `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
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
	if err := jsonfile.Decode(b, &s); err != nil {
		return err
	}
	left, right, ok := strings.Cut(s, " ")
	if !ok {
		return fmt.Errorf("a merge is %q: want two tokens with a space between", s)
	}
	*m = mergeName{left, right}
	return nil
}

func parseFiles(files map[string][]byte) (*Tokenizer, error) {
	var f tokenizerFile
	if err := jsonfile.Decode(files[jsonFile], &f); err != nil {
		return nil, broken("JSON", "%v", err)
	}
	file, err := f.addConfigTokens(files[jsonFile], files[configFileName])
	if err != nil {
		return nil, err
	}
	files[jsonFile] = file
	t := &Tokenizer{source: files, added: map[int32]addedToken{}, settings: noSettings}
	if err := t.buildModel(&f); err != nil {
		return nil, err
	}
	if err := t.addTokens(f.AddedTokens); err != nil {
		return nil, err
	}
	if err := t.buildComponents(&f); err != nil {
		return nil, err
	}
	t.model.byteLevel = slices.Contains(t.splitNames, partBytes)
	t.model.prepare()
	t.buildMatchers()
	return t, t.readSettings(files, noSettings, nil)
}

func (t *Tokenizer) buildModel(f *tokenizerFile) error {
	m := &f.Model
	if m.Type != "BPE" && m.Type != "" {
		return &UnsupportedError{"model", m.Type}
	}
	if m.ContinuingSubwordPrefix != "" || m.EndOfWordSuffix != "" {
		return &UnsupportedError{"model", "BPE with subword prefixes or suffixes"}
	}
	if len(m.Vocab) == 0 || len(m.Vocab) > maxTokens || len(m.Merges) > maxMerges {
		return broken("model.vocab", "%d tokens and %d merges: want 1 to %d and at most %d",
			len(m.Vocab), len(m.Merges), maxTokens, maxMerges)
	}
	tokens, err := tokensOf(m.Vocab)
	if err != nil {
		return err
	}
	t.model = &bpe{tokens: tokens, ids: m.Vocab, merges: make(map[pair]merge, len(m.Merges)), unknown: -1,
		bytesFallback: m.ByteFallback, ignoreMerges: m.IgnoreMerges, fuseUnknown: m.FuseUnk}
	for _, p := range m.Merges {
		if err := t.model.addMerge(p[0], p[1]); err != nil {
			return broken("model.merges", "%v", err)
		}
	}
	if m.UnkToken != nil {
		if id, ok := m.Vocab[*m.UnkToken]; ok {
			t.model.unknown = id
		}
	}
	return nil
}

// tokensOf lists the names of a vocabulary by id; "" for an id without a token.
func tokensOf(vocab map[string]int32) ([]string, error) {
	size := int32(0)
	for name, id := range vocab {
		if id < 0 || id >= maxTokens || len(name) > maxTokenBytes {
			return nil, broken("model.vocab", "token %.40q has id %d: want ids from 0 to %d and names of at most %d bytes",
				name, id, maxTokens-1, maxTokenBytes)
		}
		size = max(size, id+1)
	}
	if int(size)-len(vocab) > maxHoles {
		return nil, broken("model.vocab", "%d tokens have ids up to %d: want at most %d ids without a token",
			len(vocab), size-1, maxHoles)
	}
	tokens := make([]string, size)
	for name, id := range vocab {
		if tokens[id] != "" {
			return nil, broken("model.vocab", "tokens %.40q and %.40q both have id %d", tokens[id], name, id)
		}
		tokens[id] = name
	}
	return tokens, nil
}

// addTokens adds added tokens. They may be tokens of the vocabulary, with the same name and id.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
	byName := map[string]int32{}
	for _, a := range tokens {
		if a.ID < 0 || a.ID >= maxTokens || len(a.Content) > maxTokenBytes {
			return broken("added_tokens", "token %.40q has id %d: want ids from 0 to %d and names of at most %d bytes",
				a.Content, a.ID, maxTokens-1, maxTokenBytes)
		}
		id, known := byName[a.Content]
		if !known {
			id, known = t.model.ids[a.Content]
		}
		if known && id != a.ID {
			return broken("added_tokens", "token %.40q has ids %d and %d", a.Content, id, a.ID)
		}
		if other := t.name(a.ID); other != "" && other != a.Content {
			return broken("added_tokens", "tokens %.40q and %.40q both have id %d", other, a.Content, a.ID)
		}
		t.added[a.ID], byName[a.Content] = a, a.ID
	}
	if holes := t.VocabSize() - len(t.model.tokens) - len(t.added); holes > maxHoles {
		return broken("added_tokens", "%d ids have no token: want at most %d", holes, maxHoles)
	}
	return nil
}

// buildMatchers prepares the search for added tokens in text.
func (t *Tokenizer) buildMatchers() {
	var raw, normalized []addedToken
	for _, id := range slices.Sorted(maps.Keys(t.added)) {
		a := t.added[id]
		if a.Normalized {
			a.Content = t.normalizeText(a.Content)
			normalized = append(normalized, a)
		} else {
			raw = append(raw, a)
		}
	}
	t.raw, t.normalized = newMatcher(raw), newMatcher(normalized)
}
