package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/format/gguf"
)

// The templates of a folder that has several go into a GGUF file and back, and the comparison
// sees one that differs.
func TestNamedTemplatesAreConverted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.CopyFS(dir, os.DirFS(masters)); err != nil {
		t.Fatal(err)
	}
	setTemplates(t, dir, "tools")
	file := mustConvert(t, dir, "x.gguf", Options{})
	back := mustConvert(t, file, "back", Options{})
	for _, other := range []string{dir, back} {
		if c, err := compareFiles(file, other); err != nil || len(c.Tokenizer) > 0 {
			t.Errorf("%s: %v, %+v", other, err, c)
		}
	}
	changed := regguf(t, file, func(f *contents) { f.meta["tokenizer.chat_template.tool_use"] = "other" })
	c, err := compareFiles(changed, dir)
	if err != nil || !strings.Contains(strings.Join(c.Tokenizer, "\n"), "the chat templates named tool_use differ") {
		t.Errorf("a changed template: %v, %q", err, c.Tokenizer)
	}
	f, err := gguf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, _ := f.Metadata.String("tokenizer.chat_template.tool_use"); text != "tools" {
		t.Errorf("the file holds %q", text)
	}
}

// setTemplates gives a folder a usual template and one for tools.
func setTemplates(t *testing.T, dir, tools string) {
	t.Helper()
	path := filepath.Join(dir, "tokenizer_config.json")
	config := map[string]any{}
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &config); err != nil {
			t.Fatal(err)
		}
	}
	config["chat_template"] = []map[string]string{{"name": "default", "template": "plain"}, {"name": "tool_use", "template": tools}}
	b, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
