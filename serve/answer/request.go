package answer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"trit/lm"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// Request asks for one answer: to a conversation, or a continuation of a prompt.
type Request struct {
	Messages []tokenizer.Message
	Prompt   Sequence // instead of Messages

	Tools    []Tool
	Choice   ToolChoice
	Format   grammar.Source // what the answer must look like; the zero value is any text
	Template map[string]any // further variables of the chat template, such as enable_thinking

	MaxTokens   int // 0: as many as the context leaves
	Stop        []string
	IgnoreEnd   bool // go on behind the end of the text
	Sampling    lm.Sampling
	LogProbs    bool
	TopLogProbs int
}

// Tool is a function that the model may call.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON schema of its arguments; nil: any object
	// Strict refuses a schema that the answer cannot be held to. Otherwise a call with such a
	// schema may have any object as arguments. Arguments match all other schemas either way.
	Strict bool
}

// ToolMode says whether a model may, must or must not call tools.
type ToolMode string

// Modes of tools.
const (
	ToolsAuto     ToolMode = "auto"
	ToolsNone     ToolMode = "none"
	ToolsRequired ToolMode = "required" // at least one call
)

// ToolChoice is how tools are used.
type ToolChoice struct {
	Mode ToolMode // "": ToolsAuto
	Name string   // with ToolsRequired: the one tool to call
	One  bool     // at most one call
}

// Call is a call of a tool.
type Call struct {
	ID        string
	Name      string
	Arguments json.RawMessage // a JSON object
}

// Event is a new part of an answer. One of its fields is set, and log-probabilities beside any of
// them, or alone if the answer ends with tokens that have no text.
type Event struct {
	Text      string
	Reasoning string
	Call      *Call // whole
	LogProbs  []lm.TokenLogProbs
}

// Finish is why an answer ended.
type Finish string

// Reasons why an answer ends.
const (
	FinishStop   Finish = "stop"
	FinishLength Finish = "length"
	FinishCalls  Finish = "calls"
	FinishCancel Finish = "cancel"
)

// Result is a whole answer.
type Result struct {
	Text      string
	Reasoning string
	Calls     []Call
	Finish    Finish
	StopText  string // the stop text that ended the answer, "" for none
	// ReasoningTokens is the number of tokens of Reasoning with its marks. A token that the model
	// gave together with the end of its thoughts counts too.
	ReasoningTokens int
	lm.GenerateResult
}

// RequestError says what is wrong in a request.
type RequestError struct {
	Field string // such as "messages[2].content"; the APIs know it by the same name
	Text  string
}

// Error implements error.
func (e *RequestError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// Badf makes a RequestError.
func Badf(field, format string, args ...any) error {
	return &RequestError{field, fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *UnknownModelError) Error() string {
	return fmt.Sprintf("there is no model %q: there are %s", e.ID, strings.Join(e.Known, ", "))
}

// validate returns what is wrong in a request.
func (r *Request) validate(m *Model) error {
	switch {
	case len(r.Messages) == 0 && len(r.Prompt.ids) == 0:
		return Badf("messages", "there are none")
	case r.MaxTokens < 0:
		return Badf("max_tokens", "is %d: want 1 or more", r.MaxTokens)
	case r.TopLogProbs < 0 || r.TopLogProbs > maxTopLogProbs:
		return Badf("top_logprobs", "is %d: want 0 to %d", r.TopLogProbs, maxTopLogProbs)
	case len(r.Stop) > maxStops:
		return Badf("stop", "holds %d texts: want at most %d", len(r.Stop), maxStops)
	case r.Choice.Mode == ToolsRequired && len(r.Tools) == 0:
		return Badf("tool_choice", "asks for a call, but there are no tools")
	case r.Choice.Name != "" && r.tool(r.Choice.Name) == nil:
		return Badf("tool_choice", "there is no tool %q", r.Choice.Name)
	}
	for _, p := range r.Sampling.Problems() {
		return Badf(samplingFields[p.Field], "is %g: want %s", p.Value, p.Want)
	}
	return r.checkIDs(m)
}

// samplingFields are the names that the APIs have for what chooses tokens.
var samplingFields = map[string]string{
	"lm.Sampling.Temperature": "temperature", "lm.Sampling.TopK": "top_k", "lm.Sampling.TopP": "top_p", "lm.Sampling.MinP": "min_p",
	"lm.Sampling.RepetitionPenalty": "repetition_penalty", "lm.Sampling.PresencePenalty": "presence_penalty",
	"lm.Sampling.FrequencyPenalty": "frequency_penalty", "lm.Sampling.LogitBias": "logit_bias",
}

// Limits of requests.
const (
	maxStops       = 16
	maxTopLogProbs = 20
)

// checkIDs returns an error for a token that the model does not have.
func (r *Request) checkIDs(m *Model) error {
	size := m.Tokenizer.VocabSize()
	for id := range r.Sampling.LogitBias {
		if err := checkID("logit_bias", id, size); err != nil {
			return err
		}
	}
	return nil
}

// CheckIDs returns a RequestError for a token that the model does not have, in a field of a request.
func (m *Model) CheckIDs(field string, ids []int32) error {
	size := m.Tokenizer.VocabSize()
	for i, id := range ids {
		if err := checkID(field, id, size); err != nil {
			return Badf(fmt.Sprintf("%s[%d]", field, i), "%s", err.Text)
		}
	}
	return nil
}

func checkID(field string, id int32, size int) *RequestError {
	if id < 0 || int(id) >= size {
		return &RequestError{field, fmt.Sprintf("token %d is not in the vocabulary of %d", id, size)}
	}
	return nil
}

// hasLooseTools reports whether there is a tool that is not strict.
func (r *Request) hasLooseTools() bool {
	return slices.ContainsFunc(r.Tools, func(t Tool) bool { return !t.Strict })
}

func (r *Request) tool(name string) *Tool {
	for i := range r.Tools {
		if r.Tools[i].Name == name {
			return &r.Tools[i]
		}
	}
	return nil
}
