package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// wholeFile is the tokenizer.json that a GGUF file holds beside the keys of v, which t is
// described by: "" where a tokenizer made of these keys is the same as t. Files without need
// stay small so, and are as they were; a tokenizer.json has up to 35 MB.
func (t *Tokenizer) wholeFile(v Vocab) string {
	if len(t.source) == 0 {
		return ""
	}
	file := t.source[jsonFile]
	if file == nil { // of a tokenizer.model
		object, err := t.fileObject()
		if err == nil {
			file, err = encodeJSON(object)
		}
		if err != nil {
			return ""
		}
	}
	if t.packed { // it came from such a key
		return string(file)
	}
	made, err := fromKeys(v)
	if err == nil && len(Differences(t, made)) == 0 && !hasLimits(file) {
		return ""
	}
	v.HuggingFace = string(file)
	if _, err := fromWhole(v); err != nil { // two tokens of one name
		return ""
	}
	return v.HuggingFace
}

// hasLimits reports whether a tokenizer.json has parts that change how other programs
// encode, though not Trit: truncation, padding, and dropout.
func hasLimits(file []byte) bool {
	var f struct {
		Truncation, Padding json.RawMessage
		Model               struct{ Dropout json.RawMessage }
	}
	if json.Unmarshal(file, &f) != nil {
		return false
	}
	for _, part := range []json.RawMessage{f.Truncation, f.Padding, f.Model.Dropout} {
		if len(part) > 0 && !bytes.Equal(part, []byte("null")) {
			return true
		}
	}
	return false
}

// fromWhole makes a tokenizer of the tokenizer.json in a GGUF file, with the special tokens
// of its other keys. It fails where the file is not of the same vocabulary.
func fromWhole(v Vocab) (*Tokenizer, error) {
	if len(v.HuggingFace) > maxFileBytes {
		return nil, fmt.Errorf("it has %d bytes: want at most %d", len(v.HuggingFace), maxFileBytes)
	}
	t, err := parseFiles(map[string][]byte{jsonFile: []byte(v.HuggingFace)})
	if err != nil {
		return nil, err
	}
	if err := t.fits(v); err != nil {
		return nil, err
	}
	t.packed, t.ends, t.settings = true, v.Ends, settingsOf(v)
	if v.Model == "llama" {
		t.scores = v.Scores[:min(len(v.Scores), t.VocabSize())]
	} else if v.Pre != "" {
		t.pre = v.Pre
	}
	t.prefix = withToken(t.prefix, v.BOS, &v.AddBOS, 0)
	t.suffix = withToken(t.suffix, v.EOS, &v.AddEOS, len(t.suffix))
	return t, nil
}

// fits compares a tokenizer with the tokens and merges of a GGUF file. Rows behind the
// tokenizer's tokens fill the vocabulary up.
func (t *Tokenizer) fits(v Vocab) error {
	n := t.VocabSize()
	if n > len(v.Tokens) {
		return fmt.Errorf("it has %d tokens, and tokenizer.ggml.tokens %d", n, len(v.Tokens))
	}
	for id, name := range v.Tokens {
		own := t.name(int32(id))
		if own != name && (own != "" || v.kind(id) != typeUnused) {
			return fmt.Errorf("its token %d is %q, and that of tokenizer.ggml.tokens %q", id, own, name)
		}
	}
	if (v.Model == "gpt2") != t.model.byteLevel {
		return fmt.Errorf("it is another kind of tokenizer than tokenizer.ggml.model %s", v.Model)
	}
	if v.Model == "gpt2" && !slices.Equal(t.model.mergeNames(), v.Merges) {
		return fmt.Errorf("its %d merges are not those of tokenizer.ggml.merges, which are %d",
			len(t.model.order), len(v.Merges))
	}
	return nil
}

// Differences are what makes two tokenizers encode texts, or end them, in different ways:
// for people, and empty where they do the same. Tokens are compared as far as both name
// them; chat templates are not.
func Differences(a, b *Tokenizer) []string {
	var out []string
	differ := func(what string, x, y any) {
		if x, y := fmt.Sprint(x), fmt.Sprint(y); x != y {
			out = append(out, fmt.Sprintf("%s is %s and %s", what, x, y))
		}
	}
	differ("the normalizer", parts(a.normalizeNames), parts(b.normalizeNames))
	differ("the pre-tokenizer", parts(a.splitNames), parts(b.splitNames))
	differ("byte-level", a.model.byteLevel, b.model.byteLevel)
	differ("ignore_merges", a.model.ignoreMerges, b.model.ignoreMerges)
	differ("byte_fallback", a.model.bytesFallback, b.model.bytesFallback)
	differ("the unknown token", a.model.unknown, b.model.unknown)
	if !a.model.byteLevel || slices.Contains(a.model.byteIDs[:], -1) { // else nothing is unknown
		differ("fuse_unk", a.model.fuseUnknown, b.model.fuseUnknown)
	}
	differ("a space off the front of decoded text", a.trimSpace, b.trimSpace)
	differ("what stands before a text", a.names(a.prefix), b.names(b.prefix))
	differ("what stands behind a text", a.names(a.suffix), b.names(b.suffix))
	differ("the tokens that end a text", a.names(sortedIDs(a.EOSIDs())), b.names(sortedIDs(b.EOSIDs())))
	if !slices.Equal(a.model.mergeNames(), b.model.mergeNames()) {
		out = append(out, fmt.Sprintf("the merges differ, %d and %d of them", len(a.model.order), len(b.model.order)))
	}
	return append(out, addedDifferences(a, b)...)
}

func parts(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return fmt.Sprintf("%q", names)
}

func (t *Tokenizer) names(ids []int32) string {
	var names []string
	for _, id := range ids {
		names = append(names, t.name(id))
	}
	return parts(names)
}

func sortedIDs(ids []int32) []int32 {
	slices.Sort(ids)
	return ids
}

// addedDifferences names the added tokens that are not alike, the first few of them.
func addedDifferences(a, b *Tokenizer) []string {
	const most = 3
	var out []string
	for id := range int32(max(a.VocabSize(), b.VocabSize())) {
		x, inA := a.added[id]
		y, inB := b.added[id]
		if x == y && inA == inB {
			continue
		}
		if len(out) == most {
			return append(out, "more added tokens differ")
		}
		out = append(out, fmt.Sprintf("the added token %d is %s and %s", id, x.describe(inA), y.describe(inB)))
	}
	return out
}

// describe is an added token with its flags, for people.
func (a addedToken) describe(there bool) string {
	if !there {
		return "none"
	}
	text := fmt.Sprintf("%q", a.Content)
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"special", a.Special}, {"single_word", a.SingleWord}, {"lstrip", a.LStrip}, {"rstrip", a.RStrip},
		{"normalized", a.Normalized},
	} {
		if flag.on {
			text += " " + flag.name
		}
	}
	return text
}
