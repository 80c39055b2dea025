package openai

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"trit/serve/answer"
	"trit/serve/wire"
)

// response is the body of an answer. The first group says what the answer is, the second what was
// asked for.
type response struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	CreatedAt         int64           `json:"created_at"`
	CompletedAt       *int64          `json:"completed_at"`
	Status            string          `json:"status"`
	Error             *responseError  `json:"error"`
	IncompleteDetails *incomplete     `json:"incomplete_details"`
	Output            []any           `json:"output"` // *textItem or *callItem
	Usage             *responseUsage  `json:"usage"`
	Model             string          `json:"model"`
	Instructions      *string         `json:"instructions"`
	MaxOutputTokens   *int            `json:"max_output_tokens"`
	Metadata          any             `json:"metadata"`
	ParallelToolCalls bool            `json:"parallel_tool_calls"`
	Previous          *string         `json:"previous_response_id"`
	Reasoning         any             `json:"reasoning"`
	Store             bool            `json:"store"`
	Background        bool            `json:"background"`
	Temperature       float64         `json:"temperature"`
	Text              any             `json:"text"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	Tools             []responseTool  `json:"tools"`
	TopLogProbs       int             `json:"top_logprobs"`
	TopP              float64         `json:"top_p"`
	Truncation        string          `json:"truncation"`
}

// responseError is why a response has failed.
type responseError struct {
	Code    wire.Code `json:"code"`
	Message string    `json:"message"`
}

// incomplete is why a response has no end.
type incomplete struct {
	Reason string `json:"reason"`
}

// responseUsage counts tokens.
type responseUsage struct {
	InputTokens  int `json:"input_tokens"`
	InputDetails struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	OutputTokens  int `json:"output_tokens"`
	OutputDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	TotalTokens int `json:"total_tokens"`
}

// textItem is a message of the assistant, or its thoughts.
type textItem struct {
	ID      string     `json:"id"`
	Type    string     `json:"type"` // message or reasoning
	Status  string     `json:"status"`
	Role    string     `json:"role,omitempty"`
	Summary []any      `json:"summary,omitzero"` // of thoughts, always empty
	Content []textPart `json:"content"`
}

// textPart is the text of a message or of thoughts.
type textPart struct {
	Type        string         `json:"type"` // output_text or reasoning_text
	Text        string         `json:"text"`
	Annotations []any          `json:"annotations,omitzero"` // of a message, always empty
	LogProbs    []tokenLogProb `json:"logprobs,omitzero"`
}

// callItem is a call of a function.
type callItem struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Status    string `json:"status"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// States of a response and its items.
const (
	inProgress   = "in_progress"
	completed    = "completed"
	notCompleted = "incomplete"
	failed       = "failed"
)

// newResponse is the answer to a request before it has begun.
func newResponse(b *responseRequest, m *answer.Model, now time.Time) response {
	r := response{
		ID: "resp_" + rand.Text(), Object: "response", CreatedAt: now.Unix(), Status: inProgress, Output: []any{},
		Model: m.ID, Instructions: b.Instructions, MaxOutputTokens: b.MaxOutputTokens, Metadata: b.Metadata,
		ParallelToolCalls: b.ParallelToolCalls == nil || *b.ParallelToolCalls, Reasoning: b.Reasoning,
		Temperature: m.Sampling.Temperature, Text: b.Text, ToolChoice: b.ToolChoice, Tools: b.Tools,
		TopLogProbs: b.TopLogProbs, TopP: m.Sampling.TopP, Truncation: "disabled",
	}
	set(&r.Temperature, b.Temperature)
	set(&r.TopP, b.TopP)
	if r.TopP == 0 {
		r.TopP = 1 // the same to lm.Sampling
	}
	if b.Metadata == nil {
		r.Metadata = struct{}{}
	}
	if b.Reasoning == nil {
		r.Reasoning = responseThinking{}
	}
	if b.Text == nil || b.Text.Format == nil {
		r.Text = responseText{Format: &textFormat{Type: "text"}}
	}
	if !isSet(b.ToolChoice) {
		r.ToolChoice = json.RawMessage(`"auto"`)
	}
	if b.Tools == nil {
		r.Tools = []responseTool{}
	}
	return r
}

// responding is a response on its way. Streamed or not, it is made of the same steps.
type responding struct {
	w     http.ResponseWriter
	m     *answer.Model
	body  *responseRequest
	now   func() time.Time
	whole response
	text  *textItem    // the last item, while it may get more text
	out   *wire.Stream // of a stream, once it has begun
	sent  int          // number of events
}

// fields are those of an event.
type fields map[string]any

// send sends an event, if the request asks for a stream.
func (c *responding) send(name string, f fields) {
	if c.out == nil {
		return
	}
	f["type"], f["sequence_number"] = name, c.sent
	c.sent++
	_ = c.out.Send(name, f) // out keeps the error
}

// part sends an event of the text that is being written.
func (c *responding) part(name string, f fields) {
	f["item_id"], f["content_index"] = c.text.ID, 0
	c.item(name, f)
}

// item sends an event of the last item.
func (c *responding) item(name string, f fields) {
	f["output_index"] = len(c.whole.Output) - 1
	c.send(name, f)
}

// take takes a part of the answer.
func (c *responding) take(p piece) error {
	if c.body.Stream && c.out == nil {
		c.out = wire.NewEvents(c.w)
		c.send("response.created", fields{"response": c.whole})
		c.send("response.in_progress", fields{"response": c.whole})
	}
	switch e := p.event; {
	case p.result != nil:
		c.end(p.result)
	case e.Call != nil:
		c.closeText(completed)
		c.call(e.Call)
	case e.Reasoning != "":
		c.openText("reasoning")
		c.text.Content[0].Text += e.Reasoning
		c.part("response.reasoning_text.delta", fields{"delta": e.Reasoning})
	case e.Text != "":
		c.openText("message")
		c.write(e)
	case c.text != nil && c.text.Type == "message": // log-probabilities of tokens without text
		c.write(e)
	}
	if c.out != nil {
		return c.out.Err()
	}
	return nil
}

// write adds to the text of a message.
func (c *responding) write(e answer.Event) {
	part, logs := &c.text.Content[0], []tokenLogProb{}
	if c.body.logProbs() {
		var all *chatLogProbs
		logs = all.add(c.m, e.LogProbs).Content
	}
	part.Text += e.Text
	part.LogProbs = append(part.LogProbs, logs...)
	c.part("response.output_text.delta", fields{"delta": e.Text, "logprobs": logs})
}

// openText begins a message or thoughts, unless one is being written.
func (c *responding) openText(kind string) {
	if c.text != nil && c.text.Type == kind {
		return
	}
	c.closeText(completed)
	item, part := textItem{Type: kind, Status: inProgress, Content: []textPart{}}, textPart{}
	if kind == "message" {
		item.ID, item.Role = "msg_"+rand.Text(), "assistant"
		part = textPart{Type: "output_text", Annotations: []any{}, LogProbs: []tokenLogProb{}}
	} else {
		item.ID, item.Summary = "rs_"+rand.Text(), []any{}
		part = textPart{Type: "reasoning_text"}
	}
	c.text = &item
	c.whole.Output = append(c.whole.Output, c.text)
	c.item("response.output_item.added", fields{"item": c.text})
	c.text.Content = append(c.text.Content, part)
	c.part("response.content_part.added", fields{"part": part})
}

// closeText ends the message or the thoughts that are being written, if any.
func (c *responding) closeText(status string) {
	if c.text == nil {
		return
	}
	part := c.text.Content[0]
	if c.text.Type == "message" {
		c.part("response.output_text.done", fields{"text": part.Text, "logprobs": part.LogProbs})
	} else {
		c.part("response.reasoning_text.done", fields{"text": part.Text})
	}
	c.part("response.content_part.done", fields{"part": part})
	c.text.Status = status
	c.item("response.output_item.done", fields{"item": c.text})
	c.text = nil
}

// call adds a call.
func (c *responding) call(call *answer.Call) {
	item := &callItem{ID: "fc_" + rand.Text(), Type: "function_call", Status: inProgress, CallID: call.ID, Name: call.Name}
	c.whole.Output = append(c.whole.Output, item)
	c.item("response.output_item.added", fields{"item": item})
	item.Arguments = string(call.Arguments)
	c.item("response.function_call_arguments.delta", fields{"item_id": item.ID, "delta": item.Arguments})
	c.item("response.function_call_arguments.done", fields{
		"item_id": item.ID, "name": item.Name, "arguments": item.Arguments,
	})
	item.Status = completed
	c.item("response.output_item.done", fields{"item": item})
}

// end ends the response.
func (c *responding) end(r *answer.Result) {
	c.whole.Status = completed
	if r.Finish == answer.FinishLength {
		c.whole.Status, c.whole.IncompleteDetails = notCompleted, &incomplete{"max_output_tokens"}
	}
	if len(c.whole.Output) == 0 {
		c.openText("message") // an answer without text
	}
	c.closeText(c.whole.Status)
	if done := c.now().Unix(); c.whole.Status == completed {
		c.whole.CompletedAt = &done
	}
	u := &responseUsage{
		InputTokens: r.PromptTokens, OutputTokens: len(r.Tokens), TotalTokens: r.PromptTokens + len(r.Tokens),
	}
	u.InputDetails.CachedTokens, u.OutputDetails.ReasoningTokens = r.CachedTokens, r.ReasoningTokens
	c.whole.Usage = u
	c.send("response."+c.whole.Status, fields{"response": c.whole})
}

// endResponse ends the stream of a response, which an error may have cut off.
func (a *api) endResponse(c *responding, err error) error {
	if err == nil || c.out == nil {
		return err
	}
	if c.out.Err() == nil {
		e := a.hide(err)
		c.whole.Status, c.whole.Error = failed, &responseError{e.Code, e.Error()}
		if c.text != nil {
			c.text.Status = notCompleted
		}
		c.send("response.failed", fields{"response": c.whole})
	}
	return nil
}
