package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trit/internal/jsonfile"
)

// parsePieceFiles reads a tokenizer.model with the files beside it, as the tokenizer class
// LlamaTokenizer does: a text begins with BOS unless tokenizer_config.json says otherwise.
func parsePieceFiles(files map[string][]byte) (*Tokenizer, error) {
	m, err := parsePieceModel(files[pieceFile])
	if err != nil {
		return nil, err
	}
	added, err := readAdded(files)
	if err != nil {
		return nil, err
	}
	v := Vocab{
		Model: "llama", Tokens: m.tokens, Scores: m.scores, Types: m.types, BOS: -1, EOS: -1, UNK: -1, PAD: -1,
		AddSpacePrefix: m.dummyPrefix,
	}
	v.spellUserDefined()
	if err := v.include(added); err != nil {
		return nil, err
	}
	t, err := FromVocab(v)
	if err != nil {
		return nil, err
	}
	for _, a := range added {
		t.added[a.ID] = a
	}
	t.buildMatchers()
	t.source = files
	addBOS := true
	return t, t.readSettings(files, m.specials, &addBOS)
}

// spellUserDefined replaces marks by spaces in user-defined tokens, which are found in a text
// before its spaces become marks.
func (v *Vocab) spellUserDefined() {
	for id, kind := range v.Types {
		if kind == typeUserDefined {
			v.Tokens[id] = strings.ReplaceAll(v.Tokens[id], "▁", " ")
		}
	}
}

// readAdded lists, ordered by id, the tokens that tokenizer_config.json and added_tokens.json add
// to a tokenizer.model. added_tokens.json holds only names and ids; a token of it is special if
// special_tokens_map.json names it.
func readAdded(files map[string][]byte) ([]addedToken, error) {
	var config struct {
		Decoder map[string]addedToken `json:"added_tokens_decoder"`
	}
	var ids map[string]int32
	if err := errors.Join(readJSON(files, configFileName, &config), readJSON(files, addedFile, &ids)); err != nil {
		return nil, err
	}
	special, err := namedSpecial(files)
	if err != nil {
		return nil, err
	}
	byID := map[int32]addedToken{}
	for name, id := range ids {
		if other, twice := byID[id]; twice {
			return nil, badAdded("tokens %.40q and %.40q both have id %d", name, other.Content, id)
		}
		byID[id] = addedToken{ID: id, Content: name, Special: special[name]}
	}
	for key, a := range config.Decoder {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, &FormatError{configFileName, "added_tokens_decoder", fmt.Sprintf("%.40q is not an id", key)}
		}
		a.ID, a.Normalized = int32(id), false
		byID[a.ID] = a
	}
	if len(byID) > maxAdded {
		return nil, badAdded("there are %d tokens: want at most %d", len(byID), maxAdded)
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// badAdded makes the FormatError of tokens that are added to a tokenizer.model.
func badAdded(format string, args ...any) error {
	return &FormatError{addedFile + " or " + configFileName, "added tokens", fmt.Sprintf(format, args...)}
}

// readJSON reads a file of a folder into to. It does nothing if there is no such file.
func readJSON(files map[string][]byte, name string, to any) error {
	b, ok := files[name]
	if !ok {
		return nil
	}
	if err := jsonfile.Decode(b, to); err != nil {
		return &FormatError{name, "JSON", err.Error()}
	}
	return nil
}

// namedSpecial is the set of tokens that special_tokens_map.json names.
func namedSpecial(files map[string][]byte) (map[string]bool, error) {
	var fields map[string]json.RawMessage
	if err := readJSON(files, specialMapFile, &fields); err != nil {
		return nil, err
	}
	special := map[string]bool{}
	for _, raw := range fields {
		var one specialName
		var several []specialName
		if json.Unmarshal(raw, &one) == nil {
			several = append(several, one)
		} else if err := jsonfile.Decode(raw, &several); err != nil {
			return nil, &FormatError{specialMapFile, "JSON", err.Error()}
		}
		for _, name := range several {
			special[string(name)] = true
		}
	}
	return special, nil
}

// include adds tokens to v. A token with the id and the name of a piece makes the piece an added
// token; the others follow the pieces.
func (v *Vocab) include(added []addedToken) error {
	end := len(v.Tokens) + len(added) + maxHoles
	for _, a := range added {
		if a.ID < 0 || int(a.ID) >= end || len(a.Content) > maxTokenBytes || a.Content == "" {
			return badAdded("token %.40q has id %d: want ids from 0 to %d and names of 1 to %d bytes",
				a.Content, a.ID, end-1, maxTokenBytes)
		}
		for int(a.ID) >= len(v.Tokens) {
			v.Tokens, v.Types, v.Scores = append(v.Tokens, ""), append(v.Types, typeUnused), append(v.Scores, 0)
		}
		kind, name := v.Types[a.ID], v.Tokens[a.ID]
		if name != "" && name != a.Content {
			return badAdded("token %.40q has id %d, but %.40q has it too", a.Content, a.ID, name)
		}
		if kind == typeUnused || kind == typeNormal {
			v.Tokens[a.ID], v.Types[a.ID] = a.Content, typeUserDefined
			if a.Special {
				v.Types[a.ID] = typeControl
			}
		}
	}
	return nil
}
