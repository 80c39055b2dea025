package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"trit/internal/atomicfile"
)

// endNames are tokens that end a text or a turn wherever a vocabulary has them, as in
// llama.cpp.
var endNames = []string{
	"<|eot_id|>", "<|im_end|>", "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<|eom_id|>",
}

// EOSIDs are the ids at which generation ends, each once and EOS first: those that the
// model's files name, the end of an assistant's turn in the chat template, and the usual
// names of ends that the vocabulary has.
func (t *Tokenizer) EOSIDs() []int32 {
	ids := t.namedEnds()
	for _, name := range endNames {
		if id, ok := t.TokenID(name); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// namedEnds are the ids of EOSIDs that the model itself names.
func (t *Tokenizer) namedEnds() []int32 {
	t.turnEndOnce.Do(func() { t.turnEnd = t.findTurnEnd() })
	var ids []int32
	for _, id := range slices.Concat([]int32{t.settings.eos, t.turnEnd}, t.ends) {
		if id >= 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// turnText is an answer that no chat template writes by itself.
const turnText = "Xanswer7X"

// findTurnEnd is the special token that the chat template writes first after an assistant's
// message, -1 where it writes none.
func (t *Tokenizer) findTurnEnd() int32 {
	if t.settings.templates.text == "" || t.parts != nil {
		return -1
	}
	text, err := t.ApplyChat(ChatRequest{Messages: []Message{
		{Role: "user", Content: "question"}, {Role: "assistant", Content: turnText},
	}})
	at := strings.LastIndex(text, turnText)
	if err != nil || at < 0 {
		return -1
	}
	rest := strings.TrimLeftFunc(text[at+len(turnText):], unicode.IsSpace)
	best := addedToken{ID: -1}
	for _, a := range t.added {
		if a.Special && len(a.Content) > len(best.Content) && strings.HasPrefix(rest, a.Content) {
			best = a
		}
	}
	if best.ID == t.settings.bos { // which begins what follows
		return -1
	}
	return best.ID
}

// Files beside a tokenizer that name ends of a text.
const (
	modelConfigFile = "config.json"
	generationFile  = "generation_config.json"
)

// readEnds takes the eos_token_id of the config.json and the generation_config.json of the
// folder dir, an id or a list. Ids that are no token's are left out: a text cannot end there.
func (t *Tokenizer) readEnds(dir string) error {
	for _, name := range []string{modelConfigFile, generationFile} {
		b, err := atomicfile.Read(filepath.Join(dir, name), maxSideFileBytes)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		ids, err := endsOf(b)
		if err != nil {
			return &FormatError{name, "eos_token_id", err.Error()}
		}
		for _, id := range ids {
			if id >= 0 && id < int64(t.VocabSize()) && !slices.Contains(t.ends, int32(id)) {
				t.ends = append(t.ends, int32(id))
			}
		}
	}
	return nil
}

// endsOf reads the ids of a configuration's eos_token_id.
func endsOf(b []byte) (ids []int64, err error) {
	var file struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.EOS) == 0 || string(file.EOS) == "null" {
		return nil, err
	}
	var one int64
	if json.Unmarshal(file.EOS, &one) == nil {
		return []int64{one}, nil
	}
	return ids, json.Unmarshal(file.EOS, &ids)
}
