package conversation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"trit/setting"
	"trit/tokenizer"
)

// usual is a chat template that many models have, with the special tokens that it writes.
type usual struct {
	text   string
	tokens []string
}

// onlyTexts refuses what a template would print as a list.
const onlyTexts = `{% if m['content'] is not string %}{{ raise_exception('the content of a message is not text') }}{% endif %}`

var templates = map[string]usual{
	"chatml": {`{% for m in messages %}` + onlyTexts +
		`{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}` +
		`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`,
		[]string{"<|im_start|>", "<|im_end|>"}},
	"llama3": {`{{ bos_token }}{% for m in messages %}` + onlyTexts +
		`{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}` +
		`{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}`,
		[]string{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
	"plain": {`{{ bos_token }}{% for m in messages %}` + onlyTexts +
		`{{ '### ' + m['role'] | capitalize + ':\n' + m['content'] }}` +
		`{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}` +
		`{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}`, nil},
}

// TemplateNames are the names of usual chat templates. The one named plain writes roles as text and
// ends an answer with the end of a text, so that it fits any tokenizer that has one.
func TemplateNames() []string { return slices.Sorted(maps.Keys(templates)) }

// Template is a usual chat template for a tokenizer, which must have the special tokens that it writes.
func Template(name string, t *tokenizer.Tokenizer) (string, error) {
	u, known := templates[name]
	if !known {
		return "", setting.Invalid("tokenizer.Tokenizer.WithChatTemplate", name, TemplateNames()...)
	}
	var lacking []string
	for _, token := range u.tokens {
		if _, ok := t.TokenID(token); !ok {
			lacking = append(lacking, token)
		}
	}
	if name == "plain" && t.EOS() < 0 {
		lacking = []string{"an end of text"}
	}
	if lacking != nil {
		problem := fmt.Sprintf("the tokenizer lacks %s, which the template %s writes", strings.Join(lacking, ", "), name)
		return "", setting.Needs("tokenizer.Tokenizer.WithChatTemplate", problem,
			"give another: plain needs no token but the end of a text")
	}
	return u.text, nil
}
