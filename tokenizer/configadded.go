package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// addConfigTokens enters the added_tokens_decoder of a tokenizer_config.json, as transformers
// does: tokens that tokenizer.json lacks are added, and the flags of others are set, but one
// that is special stays so. It returns the tokenizer.json with them.
func (f *tokenizerFile) addConfigTokens(file, config []byte) ([]byte, error) {
	var c struct {
		Tokens map[int32]addedToken `json:"added_tokens_decoder"`
	}
	if config == nil {
		return file, nil
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &FormatError{configFileName, "added_tokens_decoder", err.Error()}
	}
	if len(c.Tokens) > maxAdded {
		return nil, &FormatError{configFileName, "added_tokens_decoder", fmt.Sprintf("%d tokens: want at most %d", len(c.Tokens), maxAdded)}
	}
	at, changed := make(map[int32]int, len(f.AddedTokens)), false
	for i, a := range f.AddedTokens {
		at[a.ID] = i
	}
	for _, id := range slices.Sorted(maps.Keys(c.Tokens)) {
		a := c.Tokens[id]
		a.ID = id
		i, known := at[id]
		if !known || f.AddedTokens[i].Content != a.Content {
			f.AddedTokens, changed = append(f.AddedTokens, a), true // addTokens refuses one of another name
			continue
		}
		a.Special = a.Special || f.AddedTokens[i].Special
		changed = changed || f.AddedTokens[i] != a
		f.AddedTokens[i] = a
	}
	var keys map[string]json.RawMessage
	if !changed || json.Unmarshal(file, &keys) != nil {
		return file, nil
	}
	content := object{}
	for key, value := range keys {
		content[key] = value
	}
	content["added_tokens"] = f.AddedTokens
	return encodeJSON(content)
}
