package ggufmeta

import (
	"maps"
	"math"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/tokenizer"
)

const prefix = "tokenizer.ggml."

// TemplateKey holds the chat template; those with a name follow it behind a dot, and a list of
// the names has an s behind it.
const TemplateKey = "tokenizer.chat_template"

// wholeKey holds a whole tokenizer.json.
const wholeKey = "tokenizer.huggingface.json"

// ReadVocab is the tokenizer in a file; without Tokens where it holds none.
func ReadVocab(m *gguf.Metadata) tokenizer.Vocab {
	v := tokenizer.Vocab{BOS: -1, EOS: -1, UNK: -1, PAD: -1}
	v.Model, _ = m.String(prefix + "model")
	v.Pre, _ = m.String(prefix + "pre")
	v.Tokens, _ = m.Strings(prefix + "tokens")
	v.Types, _ = m.Int32s(prefix + "token_type")
	v.Scores, _ = m.Float32s(prefix + "scores")
	v.Merges, _ = m.Strings(prefix + "merges")
	for key, id := range idKeys(&v) {
		if n, ok := m.Uint(prefix + key + "_token_id"); ok {
			*id = int32(min(n, math.MaxInt32)) // which is no token's either
		}
	}
	readEnds(m, &v)
	v.AddSpacePrefix = v.Model == "llama"
	flags := map[string]*bool{"add_eos_token": &v.AddEOS, "add_space_prefix": &v.AddSpacePrefix}
	for key, flag := range flags {
		if b, ok := m.Bool(prefix + key); ok {
			*flag = b
		}
	}
	var said bool
	if v.AddBOS, said = m.Bool(prefix + "add_bos_token"); !said {
		v.AddBOS = v.AddsBOS()
	}
	v.ChatTemplate, _ = m.String(TemplateKey)
	for _, key := range m.Keys {
		if name, named := strings.CutPrefix(key, TemplateKey+"."); named {
			if v.Templates == nil {
				v.Templates = map[string]string{}
			}
			v.Templates[name], _ = m.String(key)
		}
	}
	v.HuggingFace, _ = m.String(wholeKey)
	return v
}

// WriteVocab enters a tokenizer.
func WriteVocab(m *gguf.Metadata, v tokenizer.Vocab) {
	m.Set(prefix+"model", v.Model)
	if v.Pre != "" {
		m.Set(prefix+"pre", v.Pre)
	}
	m.Set(prefix+"tokens", v.Tokens)
	m.Set(prefix+"token_type", v.Types)
	if v.Scores != nil {
		m.Set(prefix+"scores", v.Scores)
	} else {
		m.Set(prefix+"merges", append([]string{}, v.Merges...))
	}
	ids := idKeys(&v)
	for _, key := range []string{"bos", "eos", "unknown", "padding"} {
		if id := *ids[key]; id >= 0 {
			m.Set(prefix+key+"_token_id", uint32(id))
		}
	}
	writeEnds(m, &v)
	m.Set(prefix+"add_bos_token", v.AddBOS)
	m.Set(prefix+"add_eos_token", v.AddEOS)
	if v.Model == "llama" {
		m.Set(prefix+"add_space_prefix", v.AddSpacePrefix)
	}
	if v.ChatTemplate != "" {
		m.Set(TemplateKey, v.ChatTemplate)
	}
	if names := slices.Sorted(maps.Keys(v.Templates)); len(names) > 0 {
		m.Set(TemplateKey+"s", names)
		for _, name := range names {
			m.Set(TemplateKey+"."+name, v.Templates[name])
		}
	}
	if v.HuggingFace != "" {
		m.Set(wholeKey, v.HuggingFace)
	}
}

func idKeys(v *tokenizer.Vocab) map[string]*int32 {
	return map[string]*int32{"bos": &v.BOS, "eos": &v.EOS, "unknown": &v.UNK, "padding": &v.PAD}
}
