package ggufmeta

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/tokenizer"
)

// Chat templates with names have keys of their own, and a list of the names.
func TestNamedTemplates(t *testing.T) {
	v := tokenizer.Vocab{Model: "gpt2", Tokens: []string{"a"}, BOS: -1, EOS: -1, UNK: -1, PAD: -1, ChatTemplate: "plain",
		Templates: map[string]string{"tool_use": "tools", "rag": "documents"}}
	var m gguf.Metadata
	WriteVocab(&m, v)
	names, _ := m.Strings("tokenizer.chat_templates")
	tools, _ := m.String("tokenizer.chat_template.tool_use")
	if !slices.Equal(names, []string{"rag", "tool_use"}) || tools != "tools" {
		t.Errorf("names %q, tool_use %q", names, tools)
	}
	if got := ReadVocab(&m); got.ChatTemplate != "plain" || !maps.Equal(got.Templates, v.Templates) {
		t.Errorf("read %q and %q", got.ChatTemplate, got.Templates)
	}
	m.Set("tokenizer.chat_template.rag", uint32(1))
	if _, err := checkKeys(&m, Llama, shape()); err == nil || !strings.Contains(err.Error(), "tokenizer.chat_template.rag is ") {
		t.Errorf("a template that is a number: %v", err)
	}
}
