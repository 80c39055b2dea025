package ollama

import (
	"net/http"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/wire"
)

// reply is the body of an answer, or a line of one.
type reply struct {
	Model   string    `json:"model"`
	Created time.Time `json:"created_at"`
	// Message is of a chat, Response and Thinking are of a continuation.
	Message    *replyMessage `json:"message,omitempty"`
	Response   *string       `json:"response,omitempty"`
	Thinking   string        `json:"thinking,omitempty"`
	LogProbs   []logProb     `json:"logprobs,omitempty"`
	Done       bool          `json:"done"`
	DoneReason string        `json:"done_reason,omitempty"`
	*measures
}

// replyMessage is a message of the assistant, or a part of one.
type replyMessage struct {
	Role      string     `json:"role"`
	Content   string     `json:"content"`
	Thinking  string     `json:"thinking,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

// measures are what an answer took, in nanoseconds and tokens.
type measures struct {
	Total          time.Duration `json:"total_duration"`
	Load           time.Duration `json:"load_duration"`
	PromptCount    int           `json:"prompt_eval_count"`
	PromptDuration time.Duration `json:"prompt_eval_duration"`
	Count          int           `json:"eval_count"`
	Duration       time.Duration `json:"eval_duration"`
}

// logProb is a token and its log-probability.
type logProb struct {
	Token   string    `json:"token"`
	LogProb float64   `json:"logprob"`
	Bytes   []int     `json:"bytes,omitempty"`
	Top     []logProb `json:"top_logprobs,omitempty"`
}

func logProbOf(m *answer.Model, p lm.LogProb) logProb {
	b := m.Tokenizer.TokenBytes(p.ID)
	l := logProb{Token: string(b), LogProb: p.LogProb, Bytes: make([]int, len(b))}
	for i, v := range b {
		l.Bytes[i] = int(v)
	}
	return l
}

// part is a part of an answer.
type part struct {
	text, thinking string
	calls          []toolCall
	logProbs       []logProb
}

// writing is an answer on its way.
type writing struct {
	w      http.ResponseWriter
	m      *answer.Model
	model  string // its name in the request
	now    func() time.Time
	start  time.Time
	loaded time.Duration // since start
	chat   bool
	whole  bool // the answer is sent whole
	all    part // of it
	out    *wire.Stream
	calls  int // that there were
}

// opened tells what model answers, and how.
func (v *writing) opened(m *answer.Model, o *options) {
	v.m, v.model, v.loaded, v.whole = m, o.Model, v.now().Sub(v.start), o.Stream != nil && !*o.Stream
	if v.model == "" {
		v.model = m.ID
	}
}

// reply is a part of the answer as it is sent.
func (v *writing) reply(p part) reply {
	r := reply{Model: v.model, Created: v.now().UTC(), LogProbs: p.logProbs}
	if v.chat {
		r.Message = &replyMessage{Role: "assistant", Content: p.text, Thinking: p.thinking, ToolCalls: p.calls}
	} else {
		r.Response, r.Thinking = &p.text, p.thinking
	}
	return r
}

// load answers a request that asks for nothing: it has loaded the model.
func (v *writing) load(o *options) error {
	if err := o.checkUnload(); err != nil {
		return err
	}
	r := v.reply(part{})
	r.Done, r.DoneReason = true, "load"
	wire.WriteJSON(v.w, http.StatusOK, r)
	return nil
}

// answer answers a request, whole or as a stream.
func (a *api) answer(r *http.Request, v *writing, q answer.Request) error {
	result, err := wire.Ask(r.Context(), v.m, q, v.take)
	switch {
	case err == nil:
		v.end(&result)
		return nil
	case v.out == nil:
		return err
	case v.out.Err() != nil:
		return nil // nobody reads any more
	}
	_ = v.out.Send("", newErrorBody(a.shape.Error(err))) // the last: nothing to do if nobody reads it
	return nil
}

// take takes a part of the answer.
func (v *writing) take(e answer.Event) error {
	p := part{text: e.Text, thinking: e.Reasoning}
	if e.Call != nil {
		c := toolCall{ID: e.Call.ID}
		c.Function.Index, c.Function.Name, c.Function.Arguments = v.calls, e.Call.Name, e.Call.Arguments
		v.calls++
		p.calls = []toolCall{c}
	}
	for _, l := range e.LogProbs {
		one := logProbOf(v.m, l.LogProb)
		for _, top := range l.Top {
			one.Top = append(one.Top, logProbOf(v.m, top))
		}
		p.logProbs = append(p.logProbs, one)
	}
	if v.whole {
		v.all.text += p.text
		v.all.thinking += p.thinking
		v.all.calls, v.all.logProbs = append(v.all.calls, p.calls...), append(v.all.logProbs, p.logProbs...)
		return nil
	}
	return v.send(v.reply(p))
}

// send sends a line of a stream.
func (v *writing) send(r reply) error {
	if v.out == nil {
		v.out = wire.NewLines(v.w)
	}
	return v.out.Send("", r)
}

// end ends the answer. The last line of a stream has no text.
func (v *writing) end(r *answer.Result) {
	last := v.reply(v.all)
	last.Done, last.DoneReason = true, "stop"
	if r.Finish == answer.FinishLength {
		last.DoneReason = "length"
	}
	last.measures = &measures{
		Total: v.now().Sub(v.start), Load: v.loaded, PromptCount: r.PromptTokens, PromptDuration: r.Prefill,
		Count: len(r.Tokens), Duration: r.Decode,
	}
	if v.whole {
		wire.WriteJSON(v.w, http.StatusOK, last)
		return
	}
	_ = v.send(last) // as above
}
