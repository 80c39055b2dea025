package answer

import (
	"context"
	"encoding/json"
	"slices"

	"trit/internal/jsonfile"
	"trit/tokenizer"
)

// Filter looks at what goes into a model and what comes out.
type Filter interface {
	// Input returns a text that a client sends, perhaps changed, or an error that refuses it.
	Input(text string) (string, error)
	// Output begins to look at a text that a model writes; nil: at none.
	Output() OutputFilter
}

// OutputFilter looks at one text, part by part.
type OutputFilter interface {
	// Write takes the next part and returns what may be given away of what it has. An error
	// ends the answer.
	Write(text string) (string, error)
	// Finish returns what is left.
	Finish() (string, error)
}

type filterKey struct{}

// WithFilter makes a filter of a context's requests.
func WithFilter(ctx context.Context, f Filter) context.Context {
	return context.WithValue(ctx, filterKey{}, f)
}

// filterOf is the filter of a context; nil for none.
func filterOf(ctx context.Context) Filter {
	f, _ := ctx.Value(filterKey{}).(Filter)
	return f
}

// inputFilter is Input of the filter of a context.
func inputFilter(ctx context.Context) func(string) (string, error) {
	if f := filterOf(ctx); f != nil {
		return f.Input
	}
	return func(text string) (string, error) { return text, nil }
}

// filterInput gives all texts that a chat template may show to the filter of a context.
func filterInput(ctx context.Context, r *Request) (err error) {
	f := filterOf(ctx)
	if f == nil {
		return nil
	}
	r.Messages = slices.Clone(r.Messages)
	for i := range r.Messages {
		if err := filterMessage(f, &r.Messages[i]); err != nil {
			return err
		}
	}
	r.Tools = slices.Clone(r.Tools)
	for i := range r.Tools {
		t := &r.Tools[i]
		if err := filterTexts(f, &t.Name, &t.Description); err != nil {
			return err
		}
		if t.Parameters, err = jsonfile.MapText(t.Parameters, f.Input); err != nil {
			return err
		}
	}
	if r.Template == nil {
		return nil
	}
	b, err := json.Marshal(r.Template)
	if err == nil {
		b, err = jsonfile.MapText(b, f.Input)
	}
	if err != nil {
		return err
	}
	r.Template = nil
	return json.Unmarshal(b, &r.Template)
}

// filterMessage gives the texts of a message to a filter.
func filterMessage(f Filter, m *tokenizer.Message) (err error) {
	if err := filterTexts(f, &m.Content, &m.ReasoningContent, &m.Name, &m.ToolCallID); err != nil {
		return err
	}
	m.Parts = slices.Clone(m.Parts)
	for i := range m.Parts {
		if err := filterTexts(f, &m.Parts[i].Text); err != nil {
			return err
		}
	}
	m.ToolCalls = slices.Clone(m.ToolCalls)
	for i := range m.ToolCalls {
		c := &m.ToolCalls[i]
		if err := filterTexts(f, &c.ID, &c.Function.Name); err != nil {
			return err
		}
		if c.Function.Arguments, err = jsonfile.MapText(c.Function.Arguments, f.Input); err != nil {
			return err
		}
	}
	return nil
}

func filterTexts(f Filter, texts ...*string) (err error) {
	for _, t := range texts {
		if *t == "" {
			continue
		}
		if *t, err = f.Input(*t); err != nil {
			return err
		}
	}
	return nil
}

// sieve gives an answer's texts to the filter of its context. The zero value lets all pass.
type sieve struct {
	filter  Filter
	now     kind
	text    OutputFilter // of the text that is being written; nil: none has begun
	refused error        // by the filter
}

// looks reports whether the filter looks at answers at all.
func (s *sieve) looks() bool { return s.filter != nil && s.filter.Output() != nil }

// write takes a part of a text of a kind and returns what may be given away of it.
func (s *sieve) write(k kind, text string) string {
	if s.text == nil {
		s.text, s.now = s.filter.Output(), k
	}
	out, err := s.text.Write(text)
	return s.judged(out, err)
}

// finish ends the text that is being written, and returns its kind and what was held back of it.
func (s *sieve) finish() (kind, string) {
	if s.text == nil || s.refused != nil {
		return s.now, ""
	}
	out, err := s.text.Finish()
	s.text = nil
	return s.now, s.judged(out, err)
}

// call looks at the texts of a call of a tool, each by itself.
func (s *sieve) call(c Call) Call {
	whole := func(text string) (string, error) {
		f := s.filter.Output()
		begin, err := f.Write(text)
		if err != nil {
			return "", err
		}
		end, err := f.Finish()
		return begin + end, err
	}
	name, err := whole(c.Name)
	c.Name = s.judged(name, err)
	arguments, err := jsonfile.MapText(c.Arguments, whole)
	c.Arguments = json.RawMessage(s.judged(string(arguments), err))
	return c
}

func (s *sieve) judged(text string, err error) string {
	if err != nil && s.refused == nil {
		s.refused = err
	}
	if s.refused != nil {
		return ""
	}
	return text
}
