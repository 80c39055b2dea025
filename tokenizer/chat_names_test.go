package tokenizer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const namedTemplates = `[{"name":"default","template":"plain"},{"name":"tool_use","template":"tools"},{"name":"a-b","template":"other"}]`

var wantTemplates = map[string]string{"tool_use": "tools", "a_b": "other"}

// All templates of a list go into the Vocab and back into a folder; requests with tools take
// tool_use after both ways.
func TestTemplatesTravel(t *testing.T) {
	tok, err := Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0}},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}}`),
		[]byte(`{"chat_template":`+namedTemplates+`}`))
	if err != nil {
		t.Fatal(err)
	}
	for way := range 2 {
		v := tok.Vocab()
		if v.ChatTemplate != "plain" || !maps.Equal(v.Templates, wantTemplates) {
			t.Fatalf("way %d: %q, %q", way, v.ChatTemplate, v.Templates)
		}
		got, err := tok.ApplyChat(ChatRequest{Tools: []json.RawMessage{json.RawMessage(`{}`)}})
		if got != "tools" || err != nil {
			t.Errorf("way %d: %q, %v", way, got, err)
		}
		if tok, err = FromVocab(v); err != nil {
			t.Fatal(err)
		}
		files, err := tok.Files()
		if err != nil {
			t.Fatal(err)
		}
		if tok, err = parseFiles(files); err != nil {
			t.Fatal(err)
		}
	}
}

// Newer folders have a file for each template; they go before tokenizer_config.json.
func TestTemplateFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, templateDir), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFolder(t, dir, map[string][]byte{
		jsonFile: []byte(`{"model":{"type":"BPE","vocab":{"a":0}}}`), templateFile: []byte("plain"),
		configFileName:                  []byte(`{"chat_template":[{"name":"default","template":"old"},{"name":"rag","template":"old"}]}`),
		templateDir + "/tool_use.jinja": []byte("tools"), templateDir + "/a-b.jinja": []byte("other"),
	})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if v := tok.Vocab(); v.ChatTemplate != "plain" || !maps.Equal(v.Templates, wantTemplates) {
		t.Errorf("%q, %q", v.ChatTemplate, v.Templates)
	}
	if c, err := LoadChatTemplate(dir); c.Text != "plain" || c.ToolText != "tools" || err != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if names := strings.Join(FileNames(dir), " "); !strings.Contains(names, templateDir+"/tool_use.jinja") {
		t.Errorf("the files are %s", names)
	}
}

// Two names that GGUF cannot tell apart are refused.
func TestTemplateNamesClash(t *testing.T) {
	_, err := Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0}}}`),
		[]byte(`{"chat_template":[{"name":"a-b","template":"1"},{"name":"a_b","template":"2"}]}`))
	if err == nil || !strings.Contains(err.Error(), `"a_b" is no name of its own`) {
		t.Errorf("got %v", err)
	}
}
