package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// templateDir is the folder of the templates beside templateFile, each in a file of its name.
const templateDir = "additional_chat_templates"

// Names of templates: the usual one, and the one for requests with tools.
const (
	defaultTemplate = "default"
	toolTemplate    = "tool_use"
)

// chatTemplates are a model's chat template and further ones by name.
type chatTemplates struct {
	text  string // "" = none
	named map[string]string
}

func (c *chatTemplates) none() bool { return c.text == "" && len(c.named) == 0 }

// UnmarshalJSON reads one template, or a list of templates with their names.
func (c *chatTemplates) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &c.text) == nil {
		return nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(b, &several); err != nil {
		return err
	}
	for _, s := range several {
		if err := c.add(s.Name, s.Template); err != nil {
			return err
		}
	}
	return nil
}

// add adds a template. Its name becomes that of a GGUF key, which has letters, digits and low
// lines alone. Source: add_chat_template of llama.cpp's gguf-py.
func (c *chatTemplates) add(name, text string) error {
	if name == defaultTemplate {
		c.text = text
		return nil
	}
	key := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if _, twice := c.named[key]; twice || key == "" {
		return fmt.Errorf("chat_template: %q is no name of its own for a template", name)
	}
	if c.named == nil {
		c.named = map[string]string{}
	}
	c.named[key] = text
	return nil
}

// addFiles adds the templates among a tokenizer's files, which replace those of
// tokenizer_config.json.
func (c *chatTemplates) addFiles(files map[string][]byte) error {
	var own chatTemplates
	for name, b := range files {
		if path.Dir(name) != templateDir {
			continue
		}
		if err := own.add(strings.TrimSuffix(path.Base(name), ".jinja"), string(b)); err != nil {
			return err
		}
	}
	if text, ok := files[templateFile]; ok {
		own.text = string(text)
	}
	if !own.none() {
		*c = own
	}
	return nil
}

// templateNames are the names of the files of a folder that hold further chat templates.
func templateNames(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, templateDir, "*.jinja"))
	for i, name := range names {
		names[i] = path.Join(templateDir, filepath.Base(name))
	}
	slices.Sort(names)
	return names
}

// written is what tokenizer_config.json holds: the template, or a list of all with their names.
func (c *chatTemplates) written() any {
	if len(c.named) == 0 {
		return c.text
	}
	var list []object
	if c.text != "" {
		list = append(list, object{"name": defaultTemplate, "template": c.text})
	}
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		list = append(list, object{"name": name, "template": c.named[name]})
	}
	return list
}
