package anthropic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/serve/wire"
	"trit/tokenizer"
)

// request is the body of a request for a message, or for the count of its tokens.
type request struct {
	Model         string            `json:"model"`
	MaxTokens     *int              `json:"max_tokens"`
	System        json.RawMessage   `json:"system"`
	Messages      []json.RawMessage `json:"messages"`
	StopSequences []string          `json:"stop_sequences"`
	Temperature   *float64          `json:"temperature"`
	TopP          *float64          `json:"top_p"`
	TopK          *int              `json:"top_k"`
	Stream        bool              `json:"stream"`
	Tools         []json.RawMessage `json:"tools"`
	ToolChoice    *toolChoice       `json:"tool_choice"`
	Thinking      *thinking         `json:"thinking"`
	Output        *output           `json:"output_config"`
}

// ignoredFields change nothing in an answer.
var ignoredFields = []string{
	"metadata", "service_tier", "cache_control", "inference_geo", "diagnostics", "speed", "user_profile_id",
	"workspace_id",
}

// toolChoice is how tools are used.
type toolChoice struct {
	Type string `json:"type"`
	Name string `json:"name"`
	One  bool   `json:"disable_parallel_tool_use"`
}

// thinking says whether the model thinks before it answers.
type thinking struct {
	Type    string  `json:"type"`
	Budget  *int    `json:"budget_tokens"`
	Display *string `json:"display"`
}

// output is what the answer must look like, and how much to think about it.
type output struct {
	Effort *string `json:"effort"`
	Format *struct {
		Type   string          `json:"type"`
		Schema json.RawMessage `json:"schema"`
	} `json:"format"`
}

// tool is a function that the model may call.
type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
	Type        string          `json:"type"`
	Strict      bool            `json:"strict"`
}

// maxTemperature is the highest temperature of the API.
const maxTemperature = 1

// answer makes the request of the answer, without its most tokens.
func (q *request) answer(m *answer.Model) (r answer.Request, err error) {
	r = answer.Request{Stop: q.StopSequences, Sampling: m.Sampling, Template: map[string]any{}}
	if err := wire.CheckMost("temperature", q.Temperature, maxTemperature); err != nil {
		return r, err
	}
	if q.Temperature != nil || q.TopP != nil || q.TopK != nil {
		r.Sampling = lm.Sampling{Temperature: 1} // what the API has for fields that are left out
	}
	set(&r.Sampling.Temperature, q.Temperature)
	set(&r.Sampling.TopP, q.TopP)
	set(&r.Sampling.TopK, q.TopK)
	r.Sampling.Seed = rand.Uint64()
	if r.Messages, err = q.conversation(); err != nil {
		return r, err
	}
	if err := q.Thinking.put(&r); err != nil {
		return r, err
	}
	if err := q.Output.put(&r); err != nil {
		return r, err
	}
	if err := q.ToolChoice.put(&r.Choice); err != nil {
		return r, err
	}
	r.Tools, err = toolsOf(q.Tools)
	return r, err
}

func set[T any](dst, value *T) {
	if value != nil {
		*dst = *value
	}
}

// conversation are the messages as chat templates get them.
func (q *request) conversation() ([]tokenizer.Message, error) {
	c := conversation{calls: map[string]string{}}
	system, err := blocksOf("system", q.System, "system")
	if err != nil {
		return nil, err
	}
	if len(system) > 0 {
		c.messages = append(c.messages, tokenizer.Message{Role: "system", Content: texts(system)})
	}
	if len(q.Messages) == 0 {
		return nil, wire.Errorf(wire.InvalidInput, "messages", "there are none")
	}
	for i, b := range q.Messages {
		if err := c.add(fmt.Sprintf("messages[%d]", i), b); err != nil {
			return nil, err
		}
	}
	if last := c.messages[len(c.messages)-1]; last.Role == "assistant" {
		return nil, wire.Errorf(wire.Unsupported, "messages",
			"the last one is the assistant's: the models answer messages, they do not go on with them")
	}
	return c.messages, nil
}

// put makes a model think or not, where its chat template can.
func (t *thinking) put(r *answer.Request) error {
	if t == nil {
		return nil
	}
	switch {
	case t.Type != "enabled" && t.Type != "adaptive" && t.Type != "disabled":
		return wire.Errorf(wire.InvalidInput, "thinking.type", "is %q: want enabled, adaptive or disabled", t.Type)
	case t.Type == "enabled" && t.Budget == nil:
		return wire.Errorf(wire.InvalidInput, "thinking.budget_tokens", "is missing")
	case t.Budget != nil && *t.Budget < 1:
		return wire.Errorf(wire.InvalidInput, "thinking.budget_tokens", "is %d: want 1 or more", *t.Budget)
	case t.Display != nil && *t.Display != "summarized":
		return wire.Errorf(wire.Unsupported, "thinking.display", "is %q: thoughts are always shown", *t.Display)
	}
	r.Template["enable_thinking"] = t.Type != "disabled"
	return nil
}

// put sets the form of the answer, and the effort where the chat template knows it.
func (o *output) put(r *answer.Request) error {
	if o == nil {
		return nil
	}
	if o.Effort != nil {
		r.Template["reasoning_effort"] = *o.Effort
	}
	switch f := o.Format; {
	case f == nil:
	case f.Type != "json_schema":
		return wire.Errorf(wire.InvalidInput, "output_config.format.type", "is %q: want json_schema", f.Type)
	case !isObject(f.Schema):
		return wire.Errorf(wire.InvalidInput, "output_config.format.schema", "is no JSON object")
	default:
		r.Format = grammar.Source{Schema: f.Schema}
	}
	return nil
}

func isObject(b json.RawMessage) bool { return strings.HasPrefix(string(b), "{") }

// put says how tools are used.
func (c *toolChoice) put(choice *answer.ToolChoice) error {
	if c == nil {
		return nil
	}
	choice.One = c.One
	switch c.Type {
	case "auto":
		choice.Mode = answer.ToolsAuto
	case "none":
		choice.Mode = answer.ToolsNone
	case "any", "tool":
		choice.Mode = answer.ToolsRequired
	default:
		return wire.Errorf(wire.InvalidInput, "tool_choice.type", "is %q: want auto, any, tool or none", c.Type)
	}
	if (c.Type == "tool") != (c.Name != "") {
		return wire.Errorf(wire.InvalidInput, "tool_choice.name", "belongs to the type tool, which needs it")
	}
	choice.Name = c.Name
	return nil
}

// toolsOf are tools as models get them.
func toolsOf(list []json.RawMessage) (tools []answer.Tool, err error) {
	for i, b := range list {
		field := fmt.Sprintf("tools[%d]", i)
		var t tool
		if kind := typeOf(b); kind != "" && kind != "custom" {
			return nil, wire.Errorf(wire.Unsupported, field+".type", "is %q: the server has no tools of its own", kind)
		}
		if err := wire.DecodePart(field, b, &t, "cache_control", "eager_input_streaming"); err != nil {
			return nil, err
		}
		switch {
		case t.Name == "":
			return nil, wire.Errorf(wire.InvalidInput, field+".name", "is missing")
		case !isObject(t.InputSchema):
			return nil, wire.Errorf(wire.InvalidInput, field+".input_schema", "is no JSON object")
		}
		tools = append(tools, answer.Tool{
			Name: t.Name, Description: t.Description, Parameters: t.InputSchema, Strict: t.Strict,
		})
	}
	return tools, nil
}

// typeOf is the type that a JSON object says, "" for none.
func typeOf(b json.RawMessage) string {
	var t struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(b, &t) != nil {
		return "" // what is wrong is said when the object itself is read
	}
	return t.Type
}
