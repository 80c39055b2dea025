package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"

	"trit/setting"
)

// Message is one turn of a conversation; Role is "system", "user" or "assistant".
type Message struct{ Role, Content string }

// ApplyChat renders a conversation by the model's chat template, which is Jinja.
// addGenerationPrompt ends it with what precedes an answer of the assistant.
func (t *Tokenizer) ApplyChat(messages []Message, addGenerationPrompt bool) (string, error) {
	if t.settings.chatTemplate == "" {
		return "", setting.Needs("tokenizer.Tokenizer.Encode", "the model has no chat template",
			"it is a base model, use {tokenizer.Tokenizer.Encode}")
	}
	var turns []any
	for _, m := range messages {
		turns = append(turns, map[string]any{"role": m.Role, "content": m.Content})
	}
	c := config.New()
	c.TrimBlocks, c.LeftStripBlocks, c.KeepTrailingNewline = true, true, true
	loader, err := loaders.NewMemoryLoader(map[string]string{"/chat": t.settings.chatTemplate})
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	environment := &exec.Environment{
		Context: exec.EmptyContext().Update(builtins.GlobalFunctions).Update(builtins.GlobalVariables),
		Filters: builtins.Filters, Tests: builtins.Tests, Methods: builtins.Methods,
		ControlStructures: builtins.ControlStructures,
	}
	template, err := exec.NewTemplate("/chat", c, loader, environment)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	var out strings.Builder
	err = template.Execute(&out, exec.NewContext(map[string]any{
		"messages": turns, "add_generation_prompt": addGenerationPrompt,
		"bos_token": t.name(t.settings.bos), "eos_token": t.name(t.settings.eos),
		"raise_exception": func(message string) (string, error) { return "", errors.New(message) },
		"strftime_now":    func(string) string { return time.Now().Format("02 Jan 2006") },
	}))
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return out.String(), nil
}

// name is a token's name in the vocabulary; "" where there is none.
func (t *Tokenizer) name(id int32) string {
	if a, ok := t.added[id]; ok {
		return a.Content
	}
	if id >= 0 && int(id) < len(t.model.tokens) {
		return t.model.tokens[id]
	}
	return ""
}
