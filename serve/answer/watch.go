package answer

import (
	"context"
	"time"

	"trit/tokenizer"
)

// Watcher is told of the answers that a context's requests get, such as to count their tokens.
type Watcher interface {
	// Began is called once a model has been chosen.
	Began(model string)
	// FirstToken is called with the time from the request to the first part of its answer.
	FirstToken(after time.Duration)
	// Ended is called with the whole answer, or with why there is none.
	Ended(r *Result, err error)
}

// Filter looks at what goes into a model and what comes out.
type Filter interface {
	// Input returns a text that a client sends, perhaps changed, or an error that refuses it.
	Input(text string) (string, error)
	// Output begins to look at an answer.
	Output() OutputFilter
}

// OutputFilter looks at one answer, part by part.
type OutputFilter interface {
	// Write takes the next part and returns what may be given away of what it has. An error
	// ends the answer.
	Write(text string) (string, error)
	// Finish returns what is left.
	Finish() (string, error)
}

type watcherKey struct{}

type filterKey struct{}

// WithWatcher makes watchers of a context's requests; several all watch.
func WithWatcher(ctx context.Context, w Watcher) context.Context {
	list, _ := ctx.Value(watcherKey{}).([]Watcher)
	return context.WithValue(ctx, watcherKey{}, append(list[:len(list):len(list)], w))
}

// WithFilter makes a filter of a context's requests.
func WithFilter(ctx context.Context, f Filter) context.Context {
	return context.WithValue(ctx, filterKey{}, f)
}

// watchers are those of a context, as one.
type watchers []Watcher

func watchersOf(ctx context.Context) watchers {
	list, _ := ctx.Value(watcherKey{}).([]Watcher)
	return list
}

func (w watchers) began(model string) {
	for _, x := range w {
		x.Began(model)
	}
}

func (w watchers) firstToken(after time.Duration) {
	for _, x := range w {
		x.FirstToken(after)
	}
}

func (w watchers) ended(r *Result, err error) {
	for _, x := range w {
		x.Ended(r, err)
	}
}

// Used tells the watchers of a context of work that is no call of Ask, such as embeddings.
func Used(ctx context.Context, model string, r *Result) {
	w := watchersOf(ctx)
	w.began(model)
	w.ended(r, nil)
}

// filterInput gives the texts of a request to the filter of a context.
func filterInput(ctx context.Context, m *Model, r *Request) error {
	f, ok := ctx.Value(filterKey{}).(Filter)
	if !ok {
		return nil
	}
	if r.Prompt != nil {
		text := m.Tokenizer.Decode(r.Prompt)
		filtered, err := f.Input(text)
		if err == nil && filtered != text {
			r.Prompt = m.Tokenizer.EncodePrompt(filtered)
		}
		return err
	}
	messages := make([]tokenizer.Message, len(r.Messages))
	for i, m := range r.Messages {
		var err error
		if m.Content, err = f.Input(m.Content); err != nil {
			return err
		}
		messages[i] = m
	}
	r.Messages = messages
	return nil
}

// outputFilter begins to look at an answer; nil without a filter.
func outputFilter(ctx context.Context) OutputFilter {
	if f, ok := ctx.Value(filterKey{}).(Filter); ok {
		return f.Output()
	}
	return nil
}
