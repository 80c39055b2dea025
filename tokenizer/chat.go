package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/setting"
	"trit/tokenizer/jinja"
)

// ChatRequest is what a chat template lays out.
type ChatRequest struct {
	Messages []Message
	// Tools are the JSON schemas of functions that the model may call; the order of keys
	// is kept.
	Tools               []json.RawMessage
	AddGenerationPrompt bool           // end where the assistant is to speak
	Extra               map[string]any // further variables, such as enable_thinking
}

// Context are the variables that transformers gives a template for the request, the
// special tokens excepted.
func (r ChatRequest) Context() (*jinja.Context, error) {
	var tools any // None where there are none
	if len(r.Tools) > 0 {
		tools = r.Tools
	}
	messages := r.Messages
	if messages == nil {
		messages = []Message{}
	}
	c := jinja.NewContext()
	err := errors.Join(c.Set("messages", messages), c.Set("tools", tools), c.Set("documents", nil),
		c.Set("add_generation_prompt", r.AddGenerationPrompt))
	for _, name := range slices.Sorted(maps.Keys(r.Extra)) {
		err = errors.Join(err, c.Set(name, r.Extra[name]))
	}
	return c, err
}

// ChatTemplate is a model's chat template with the special tokens that it may name.
type ChatTemplate struct {
	Text          string
	ToolText      string            // for requests with tools; "" = Text
	SpecialTokens map[string]string // bos_token, eos_token and the like
}

// ErrNoChatTemplate is that a model has no chat template: it is a base model.
var ErrNoChatTemplate error = setting.Needs("tokenizer.Tokenizer.Encode", "the model has no chat template",
	"it is a base model, use {tokenizer.Tokenizer.Encode}")

// Render renders the template with the variables of c, and with the special tokens where
// c does not name them. It fails with the errors of package jinja.
func (t ChatTemplate) Render(c *jinja.Context) (jinja.Result, error) {
	text := t.Text
	if t.ToolText != "" && c.IsTrue("tools") {
		text = t.ToolText
	}
	parsed, err := jinja.Parse(text)
	if err != nil {
		return jinja.Result{}, fmt.Errorf("chat template: %w", err)
	}
	return t.renderParsed(parsed, c)
}

// renderParsed is Render of the text that was parsed.
func (t ChatTemplate) renderParsed(parsed *jinja.Template, c *jinja.Context) (jinja.Result, error) {
	for name, token := range t.SpecialTokens {
		if !c.Has(name) {
			if err := c.Set(name, token); err != nil {
				return jinja.Result{}, err
			}
		}
	}
	result, err := parsed.Render(c, jinja.Options{})
	if err != nil {
		return jinja.Result{}, fmt.Errorf("chat template: %w", err)
	}
	return result, nil
}

// ChatTemplate is the template of the tokenizer's model; its Text is empty for a model
// without one.
func (t *Tokenizer) ChatTemplate() ChatTemplate {
	special := map[string]string{}
	for name, id := range map[string]int32{
		"bos_token": t.settings.bos, "eos_token": t.settings.eos, "unk_token": t.settings.unk, "pad_token": t.settings.pad,
	} {
		if id >= 0 {
			special[name] = t.name(id)
		}
	}
	return ChatTemplate{t.settings.templates.text, t.settings.templates.named[toolTemplate], special}
}

// ApplyChat lays a conversation out by the model's chat template, as transformers'
// apply_chat_template does. The text holds the special tokens that the template writes.
func (t *Tokenizer) ApplyChat(r ChatRequest) (string, error) {
	result, err := t.RenderChat(r)
	return result.Text, err
}

// RenderChat is ApplyChat with the spans of the assistant's text, which generation blocks
// of the template mark.
func (t *Tokenizer) RenderChat(r ChatRequest) (jinja.Result, error) {
	if t.settings.templates.text == "" {
		return jinja.Result{}, ErrNoChatTemplate
	}
	c, err := r.Context()
	if err != nil {
		return jinja.Result{}, err
	}
	return t.ChatTemplate().Render(c)
}

// guard stands inside what looks like a special token in a message, so that it becomes none. It is
// a code point that no text holds (a noncharacter of Unicode).
const guard = "\uFDD0"

// EncodeChat lays a conversation out by the model's chat template and encodes it. The special
// tokens are those that the template writes: what looks like one in a message, a tool or a variable
// of the request is text.
func (t *Tokenizer) EncodeChat(r ChatRequest) ([]int32, error) {
	if t.settings.templates.text == "" {
		return nil, ErrNoChatTemplate
	}
	c, err := t.guardedContext(r)
	if err != nil {
		return nil, err
	}
	result, err := t.ChatTemplate().Render(c)
	if err != nil {
		return nil, err
	}
	return t.encode(result.Text, true), nil
}

// guardedContext is the context of a request with guards in the texts of messages, tools and variables.
func (t *Tokenizer) guardedContext(r ChatRequest) (*jinja.Context, error) {
	c, err := r.Context()
	if err != nil {
		return nil, err
	}
	if len(r.Messages) > 0 {
		err = t.setGuarded(c, "messages", r.Messages)
	}
	if len(r.Tools) > 0 {
		err = errors.Join(err, t.setGuarded(c, "tools", r.Tools))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Extra)) {
		err = errors.Join(err, t.setGuarded(c, name, r.Extra[name]))
	}
	return c, err
}

// setGuarded sets a variable of a template with guards in its texts.
func (t *Tokenizer) setGuarded(c *jinja.Context, name string, value any) error {
	b, err := marshalPlain(value)
	if err != nil {
		return err
	}
	b, err = jsonfile.MapText(b, func(text string) (string, error) { return t.guarded(text), nil })
	if err != nil {
		return err
	}
	return c.Set(name, json.RawMessage(b))
}

// marshalPlain is json.Marshal with <, > and & as they are.
func marshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// guarded is a text with guards in what looks like a special token.
func (t *Tokenizer) guarded(text string) string {
	t.guardsOnce.Do(func() {
		pairs := []string{guard, "\uFFFD"}
		for _, a := range t.added {
			if _, size := utf8.DecodeRuneInString(a.Content); a.Special && size < len(a.Content) {
				pairs = append(pairs, a.Content, a.Content[:size]+guard+a.Content[size:])
			}
		}
		t.guards = strings.NewReplacer(pairs...)
	})
	return t.guards.Replace(text)
}

// LoadChatTemplate reads the chat template of a folder in the form of Hugging Face: its
// chat_template.jinja with the files beside it, or else tokenizer_config.json. The folder needs no vocabulary.
func LoadChatTemplate(dir string) (ChatTemplate, error) {
	t := ChatTemplate{SpecialTokens: map[string]string{}}
	files := map[string][]byte{}
	for _, name := range append(templateNames(dir), templateFile) {
		b, err := optionalFile(dir, name)
		if err != nil {
			return t, err
		}
		if b != nil {
			files[name] = b
		}
	}
	var own chatTemplates
	if err := own.addFiles(files); err != nil {
		return t, &FormatError{filepath.Join(dir, templateDir), "names", err.Error()}
	}
	t.Text, t.ToolText = own.text, own.named[toolTemplate]
	for _, name := range []string{configFileName, specialMapFile} {
		b, err := optionalFile(dir, name)
		if err != nil {
			return t, err
		}
		if err := t.addConfig(b); err != nil {
			return t, &FormatError{filepath.Join(dir, name), "JSON", err.Error()}
		}
	}
	if t.Text == "" {
		return t, fmt.Errorf("%s: %w", dir, ErrNoChatTemplate)
	}
	return t, nil
}

// addConfig takes the template and the special tokens of a configuration that are not
// known yet.
func (t *ChatTemplate) addConfig(b []byte) error {
	if b == nil {
		return nil
	}
	var c struct {
		Template chatTemplates `json:"chat_template"`
	}
	var fields map[string]json.RawMessage
	err := jsonfile.Decode(b, &c)
	if err == nil {
		err = jsonfile.Decode(b, &fields)
	}
	if err != nil {
		return err
	}
	if t.Text == "" && t.ToolText == "" {
		t.Text, t.ToolText = c.Template.text, c.Template.named[toolTemplate]
	}
	for name, value := range fields {
		var token specialName
		if !strings.HasSuffix(name, "_token") || json.Unmarshal(value, &token) != nil || token == "" {
			continue
		}
		if _, known := t.SpecialTokens[name]; !known {
			t.SpecialTokens[name] = string(token)
		}
	}
	return nil
}

// optionalFile is a file's contents, nil where it does not exist.
func optionalFile(dir, name string) ([]byte, error) {
	b, err := atomicfile.Read(filepath.Join(dir, name), maxSideFileBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (t *Tokenizer) name(id int32) string {
	if a, ok := t.added[id]; ok {
		return a.Content
	}
	if id >= 0 && int(id) < len(t.model.tokens) {
		return t.model.tokens[id]
	}
	return ""
}

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
