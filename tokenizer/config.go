package tokenizer

import (
	"encoding/json"
	"slices"
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

// chatTemplate is the template, or the one named default of several.
type chatTemplate string

func (c *chatTemplate) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*string)(c)) == nil {
		return nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(b, &several); err != nil {
		return err
	}
	for _, s := range several {
		if s.Name == "default" || *c == "" {
			*c = chatTemplate(s.Template)
		}
	}
	return nil
}

type configFile struct {
	BOS          *specialName `json:"bos_token"`
	EOS          *specialName `json:"eos_token"`
	UNK          *specialName `json:"unk_token"`
	PAD          *specialName `json:"pad_token"`
	ChatTemplate chatTemplate `json:"chat_template"`
	AddBOS       *bool        `json:"add_bos_token"`
}

// readSettings takes the special tokens and the chat template from the files beside
// tokenizer.json; the later files fill in what the first leaves open.
func (t *Tokenizer) readSettings(files map[string][]byte) error {
	var addBOS *bool
	for _, name := range sideFiles {
		b, ok := files[name]
		if !ok {
			continue
		}
		var c configFile
		if err := json.Unmarshal(b, &c); err != nil {
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
		if t.settings.chatTemplate == "" {
			t.settings.chatTemplate = string(c.ChatTemplate)
		}
		if c.AddBOS != nil {
			addBOS = c.AddBOS
		}
	}
	if addBOS != nil && t.settings.bos >= 0 {
		t.setPrefix(*addBOS)
	}
	return nil
}

// setPrefix puts the beginning-of-text token before every text, or takes it away.
func (t *Tokenizer) setPrefix(on bool) {
	has := slices.Contains(t.prefix, t.settings.bos)
	if on && !has {
		t.prefix = append([]int32{t.settings.bos}, t.prefix...)
	} else if !on && has {
		t.prefix = slices.DeleteFunc(slices.Clone(t.prefix), func(id int32) bool { return id == t.settings.bos })
	}
}
