package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"trit/internal/jsonfile"
)

// FileNames are the files that a tokenizer may have in the Hugging Face folder dir.
func FileNames(dir string) []string {
	return append([]string{jsonFile, configFileName, specialMapFile, templateFile, pieceFile, addedFile}, templateNames(dir)...)
}

// Files returns the contents of the tokenizer's files in a Hugging Face folder, by name. They are
// the files that it was read from. If it came from a GGUF file or a tokenizer.model, there are
// also a tokenizer.json and a tokenizer_config.json, made of its vocabulary. These leave out
// unused tokens, which would become text, and the second of two tokens with the same name.
func (t *Tokenizer) Files() (map[string][]byte, error) {
	if t.parts != nil {
		return nil, errors.New("a tokenizer made by FromParts cannot be written: write the tokenizer whose parts it has")
	}
	files := maps.Clone(t.source)
	if files[jsonFile] != nil && !t.packed {
		return files, nil
	}
	if files == nil {
		files = map[string][]byte{}
	}
	config, err := t.configObject(files[configFileName])
	if err != nil {
		return nil, err
	}
	made := map[string]object{configFileName: config, specialMapFile: t.specialNames()}
	if !t.packed {
		if made[jsonFile], err = t.fileObject(); err != nil {
			return nil, err
		}
	}
	for name, content := range made {
		if name == specialMapFile && files[name] != nil {
			continue
		}
		if files[name], err = encodeJSON(content); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func encodeJSON(content object) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(content)
	return out.Bytes(), err
}

// fileObject is the tokenizer as a tokenizer.json.
func (t *Tokenizer) fileObject() (object, error) {
	file := object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": t.writtenAdded(),
		"post_processor": t.templateObject(), "normalizer": nil, "pre_tokenizer": nil,
	}
	if t.model.byteLevel {
		p, ok := preTokenizerOf(t.pre)
		if !ok {
			return nil, fmt.Errorf("pre-tokenizer %q cannot be written: want %s", t.pre, knownNames())
		}
		file["pre_tokenizer"], file["decoder"] = p.file, byteLevel(true)
		if p.composed {
			file["normalizer"] = object{"type": "NFC"}
		}
	} else {
		file["normalizer"], file["decoder"] = t.spaceObjects()
	}
	model, err := t.modelObject()
	file["model"] = model
	return file, err
}

func (t *Tokenizer) modelObject() (object, error) {
	m := t.model
	for name, id := range m.ids {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("token %d, %q, is not UTF-8: a tokenizer.json cannot hold it", id, name)
		}
	}
	var unknown any
	if m.unknown >= 0 {
		unknown = m.tokens[m.unknown]
	}
	return object{
		"type": "BPE", "dropout": nil, "unk_token": unknown, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
		"fuse_unk": m.fuseUnknown, "byte_fallback": m.bytesFallback, "ignore_merges": m.ignoreMerges,
		"vocab": m.ids, "merges": m.writtenMerges(),
	}, nil
}

// writtenMerges are the merges as "a b", which every reader knows, or as ["a", "b"] if a token
// holds a space.
func (m *bpe) writtenMerges() any {
	names := m.mergeNames()
	if !slices.ContainsFunc(names, func(s string) bool { return strings.Count(s, " ") != 1 }) {
		return names
	}
	pairs := make([][2]string, len(m.order))
	for i, p := range m.order {
		pairs[i] = [2]string{m.tokens[p.left], m.tokens[p.right]}
	}
	return pairs
}

// writtenAdded are the added tokens that are written, ordered by id. The vocabulary holds them
// too, since readers give added tokens that it lacks ids of their own count.
func (t *Tokenizer) writtenAdded() []addedToken {
	added := []addedToken{}
	for _, id := range slices.Sorted(maps.Keys(t.added)) {
		if a := t.added[id]; t.writes(id) {
			added = append(added, a)
		}
	}
	return added
}

// writes reports whether a tokenizer.json holds the token id under its name.
func (t *Tokenizer) writes(id int32) bool {
	written, ok := t.model.ids[t.name(id)]
	if !ok && t.packed { // whose added tokens need not be in the vocabulary
		written, ok = t.TokenID(t.name(id))
	}
	return ok && written == id
}

// spaceObjects are the normaliser and the decoder that replace spaces by SentencePiece's mark and
// back.
func (t *Tokenizer) spaceObjects() (normalizer, decoder object) {
	normalizers := []object{{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"}}
	decoders := []object{
		{"type": "Replace", "pattern": object{"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
	}
	if t.trimSpace {
		normalizers = slices.Insert(normalizers, 0, object{"type": "Prepend", "prepend": "▁"})
		decoders = append(decoders, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return object{"type": "Sequence", "normalizers": normalizers}, object{"type": "Sequence", "decoders": decoders}
}

// templateObject is the post-processor that puts the special tokens around a text; nil for none.
func (t *Tokenizer) templateObject() any {
	special := object{}
	around := func(name string, typeID int) []object {
		var out []object
		add := func(ids []int32) {
			for _, id := range ids {
				token := t.name(id)
				special[token] = object{"id": token, "ids": []int32{id}, "tokens": []string{token}}
				out = append(out, object{"SpecialToken": object{"id": token, "type_id": typeID}})
			}
		}
		add(t.prefix)
		out = append(out, object{"Sequence": object{"id": name, "type_id": typeID}})
		add(t.suffix)
		return out
	}
	if len(t.prefix)+len(t.suffix) == 0 {
		return nil
	}
	pair := append(around("A", 0), around("B", 1)...)
	return object{"type": "TemplateProcessing", "single": around("A", 0), "pair": pair, "special_tokens": special}
}

// specialNames is the special_tokens_map.json: the names of the special tokens.
func (t *Tokenizer) specialNames() object {
	names := object{}
	s := t.settings
	for key, id := range map[string]int32{"bos_token": s.bos, "eos_token": s.eos, "unk_token": s.unk, "pad_token": s.pad} {
		if id >= 0 && t.writes(id) {
			names[key] = t.name(id)
		}
	}
	return names
}

// configObject is the tokenizer_config.json. Values of the file read, which may be nil, replace
// those of t.
func (t *Tokenizer) configObject(read []byte) (object, error) {
	config := t.specialNames()
	config["tokenizer_class"], config["clean_up_tokenization_spaces"] = "PreTrainedTokenizerFast", false
	config["add_bos_token"] = slices.Contains(t.prefix, t.settings.bos)
	config["add_eos_token"] = slices.Contains(t.suffix, t.settings.eos)
	if !t.settings.templates.none() && t.source[templateFile] == nil {
		config["chat_template"] = t.settings.templates.written()
	}
	if read == nil {
		return config, nil
	}
	var old object
	if err := jsonfile.Decode(read, &old); err != nil {
		return nil, &FormatError{configFileName, "JSON", err.Error()}
	}
	for key, value := range old {
		if value != nil {
			config[key] = value
		}
	}
	return config, nil
}
