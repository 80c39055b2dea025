package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"trit/setting"
	"trit/tokenizer"
)

// Remarks is what happened to the requests and the answers of a task that its figures do not
// show.
type Remarks struct {
	Requests int `json:"requests"`
	// CutRequests were cut on the left, since they did not fit into the context.
	CutRequests int `json:"cut_requests"`
	CutTokens   int `json:"cut_tokens"` // the most that one request lost
	// OwnExamples are the questions that stand, with their answers, among the examples before them.
	OwnExamples int              `json:"own_examples,omitempty"`
	Questions   int              `json:"questions"`
	Template    *TemplateRemarks `json:"chat_template,omitempty"`
	Answers     *AnswerRemarks   `json:"answers,omitempty"` // of a task of generation
}

// TemplateRemarks is how a chat template fits a task.
type TemplateRemarks struct {
	Prompts int `json:"prompts"`
	// Changed prompts lack a message of the task, or have it in other words.
	Changed int `json:"changed"`
	// Trimmed prompts lack spaces or line breaks at the ends of a message.
	Trimmed int `json:"trimmed"`
	// NoGenerationPrompt: the prompts do not end where the assistant is to speak.
	NoGenerationPrompt bool `json:"no_generation_prompt"`
}

// AnswerRemarks counts answers.
type AnswerRemarks struct {
	Count int `json:"count"`
	// EndedByLength had as many tokens as an answer may have, and no end.
	EndedByLength int `json:"ended_by_length"`
	MaxTokens     int `json:"max_gen_toks"`
	// Invalid answers have nothing that a filter reads, by filter; InvalidForAll nothing that
	// any of them reads.
	Invalid       map[string]int `json:"invalid"`
	InvalidForAll int            `json:"invalid_for_all"`
	// Noted are the answers that Answers.Remark has a word about.
	Noted map[string]int `json:"noted,omitempty"`
}

// remarks counts what happened.
func (o *outcome) remarks() Remarks {
	r := Remarks{Requests: len(o.requests), OwnExamples: o.leaked, Questions: len(o.questions)}
	for _, q := range o.requests {
		if q.cut > 0 {
			r.CutRequests, r.CutTokens = r.CutRequests+1, max(r.CutTokens, q.cut)
		}
	}
	if o.template.Prompts > 0 {
		r.Template = &o.template
	}
	if o.Kind != Generation {
		return r
	}
	a := AnswerRemarks{Count: len(o.answers), EndedByLength: o.byLength, Invalid: o.invalid, InvalidForAll: o.unread}
	if len(o.requests) > 0 {
		a.MaxTokens = o.requests[0].generate.MaxTokens
	}
	if o.Answers.Remark != nil {
		a.Noted = noted(o.answers, o.Answers.Remark)
	}
	r.Answers = &a
	return r
}

// noted counts texts by what remark says of them; nil where it says nothing.
func noted(texts []string, remark func(string) string) (counts map[string]int) {
	for _, text := range texts {
		if word := remark(text); word != "" {
			if counts == nil {
				counts = map[string]int{}
			}
			counts[word]++
		}
	}
	return counts
}

// lines say what is not as a reader of the figures would expect; there are none where all is.
func (r Remarks) lines(contextLength int) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if r.CutRequests > 0 {
		add("%d of %d requests were cut on the left to fit into the context of %d tokens, by up to %d tokens",
			r.CutRequests, r.Requests, contextLength, r.CutTokens)
	}
	if r.OwnExamples > 0 {
		add("%d of %d questions stand among the examples before them, with their answers", r.OwnExamples, r.Questions)
	}
	if t := r.Template; t != nil {
		if t.Changed > 0 {
			add("the chat template leaves out or changes text of the task in %d of %d prompts", t.Changed, t.Prompts)
		}
		if t.Trimmed > 0 {
			add("the chat template takes spaces or line breaks off the ends of messages in %d of %d prompts",
				t.Trimmed, t.Prompts)
		}
		if t.NoGenerationPrompt {
			add("the chat template does not say where the assistant is to speak")
		}
	}
	if r.Answers != nil {
		out = append(out, r.Answers.lines()...)
	}
	return out
}

func (a *AnswerRemarks) lines() (out []string) {
	if a.EndedByLength > 0 {
		out = append(out, fmt.Sprintf("%d of %d answers ended by their length of %d tokens",
			a.EndedByLength, a.Count, a.MaxTokens))
	}
	var parts []string
	for _, filter := range slices.Sorted(maps.Keys(a.Invalid)) {
		if n := a.Invalid[filter]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d for %s", n, filter))
		}
	}
	if len(parts) > 0 && len(a.Invalid) > 1 {
		parts = append(parts, fmt.Sprintf("%d for every filter", a.InvalidForAll))
	}
	if len(parts) > 0 {
		out = append(out, fmt.Sprintf("of %d answers, those without anything that a filter reads: %s",
			a.Count, strings.Join(parts, ", ")))
	}
	for _, word := range slices.Sorted(maps.Keys(a.Noted)) {
		out = append(out, fmt.Sprintf("%d of %d answers %s", a.Noted[word], a.Count, word))
	}
	return out
}

// note compares a prompt with the messages that it was made of.
func (t *TemplateRemarks) note(tok *tokenizer.Tokenizer, messages []tokenizer.Message, prompt string) {
	if t.Prompts++; t.Prompts == 1 {
		open, err := tok.ApplyChat(tokenizer.ChatRequest{Messages: messages})
		t.NoGenerationPrompt = err == nil && open == prompt
	}
	changed, trimmed := false, false
	for _, m := range messages {
		text := m.Content
		if !strings.Contains(prompt, text) {
			text, trimmed = strings.TrimSpace(text), true
		}
		_, after, found := strings.Cut(prompt, text)
		if changed = changed || !found; found {
			prompt = after // messages are in order
		}
	}
	switch {
	case changed:
		t.Changed++
	case trimmed:
		t.Trimmed++
	}
}

// templateError is one of a template that refuses the messages of a task.
func templateError(err error, several bool) error {
	if !several {
		return err
	}
	return &setting.Error{Field: "eval.Options.FewshotMultiturn", Err: err,
		Problem: "the chat template refuses examples as turns of their own",
		Remedy:  "turn {eval.Options.FewshotMultiturn} off, and they are one message"}
}

// tooLong is the error of a request that would have to be cut.
func tooLong(problem string) error {
	return setting.Needs("eval.Options.StrictLength", problem, "without {eval.Options.StrictLength} it is cut on the left")
}
