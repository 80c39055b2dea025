package tokenizer

import (
	"encoding/json"
	"slices"

	"trit/internal/jsonfile"
)

// specialName is a token in tokenizer_config.json: its text, or an object with it.
type specialName string

func (s *specialName) UnmarshalJSON(b []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(b, (*string)(s)) == nil {
		return nil
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return err
	}
	*s = specialName(object.Content)
	return nil
}

type configFile struct {
	BOS          *specialName  `json:"bos_token"`
	EOS          *specialName  `json:"eos_token"`
	UNK          *specialName  `json:"unk_token"`
	PAD          *specialName  `json:"pad_token"`
	ChatTemplate chatTemplates `json:"chat_template"`
	AddBOS       *bool         `json:"add_bos_token"`
	AddEOS       *bool         `json:"add_eos_token"`
}

// noSettings has no special token and no chat template.
var noSettings = settings{-1, -1, -1, -1, chatTemplates{}}

// readSettings reads the special tokens and the chat template from the files beside the
// vocabulary. A later file sets only what the earlier ones leave open, and defaults set the
// rest. addBOS is the default of add_bos_token; nil = no change.
func (t *Tokenizer) readSettings(files map[string][]byte, defaults settings, addBOS *bool) error {
	var addEOS *bool
	if err := t.settings.templates.addFiles(files); err != nil {
		return &FormatError{templateDir, "names", err.Error()}
	}
	for _, name := range []string{configFileName, specialMapFile} {
		b, ok := files[name]
		if !ok {
			continue
		}
		var c configFile
		if err := jsonfile.Decode(b, &c); err != nil {
			return &FormatError{name, "JSON", err.Error()}
		}
		for _, s := range []struct {
			id   *int32
			name *specialName
		}{{&t.settings.bos, c.BOS}, {&t.settings.eos, c.EOS}, {&t.settings.unk, c.UNK}, {&t.settings.pad, c.PAD}} {
			if s.name != nil && *s.id < 0 {
				if id, ok := t.TokenID(string(*s.name)); ok {
					*s.id = id
				}
			}
		}
		if t.settings.templates.none() {
			t.settings.templates = c.ChatTemplate
		}
		if c.AddBOS != nil {
			addBOS = c.AddBOS
		}
		if c.AddEOS != nil {
			addEOS = c.AddEOS
		}
	}
	t.settings.fillIn(defaults)
	t.prefix = withToken(t.prefix, t.settings.bos, addBOS, 0)
	t.suffix = withToken(t.suffix, t.settings.eos, addEOS, len(t.suffix))
	return nil
}

// fillIn sets the special tokens that s lacks to the defaults.
func (s *settings) fillIn(defaults settings) {
	for _, f := range []struct {
		id    *int32
		other int32
	}{{&s.bos, defaults.bos}, {&s.eos, defaults.eos}, {&s.unk, defaults.unk}, {&s.pad, defaults.pad}} {
		if *f.id < 0 {
			*f.id = f.other
		}
	}
}

// withToken returns ids with the token id, inserted at index at, if on is true; without it if on
// is false; and as they are if on is nil.
func withToken(ids []int32, id int32, on *bool, at int) []int32 {
	if on == nil || id < 0 || *on == slices.Contains(ids, id) {
		return ids
	}
	if *on {
		return slices.Insert(slices.Clone(ids), at, id)
	}
	return slices.DeleteFunc(slices.Clone(ids), func(i int32) bool { return i == id })
}
