// Package answer turns requests of any API into requests to a model and what the model writes
// into messages: chat templates, reasoning, tool calls, formats. The packages of the APIs translate
// between it and their forms of JSON.
package answer

import (
	"context"
	"time"

	"trit/lm"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// Model is a loaded model. All its parts may be used by any number of goroutines.
type Model struct {
	Info
	Tokenizer *tokenizer.Tokenizer
	Generator lm.Generator
	Scorer    lm.TokenScorer // nil: it cannot score
	Embedder  lm.Embedder    // nil: it cannot embed
	Grammar   Constrainer
	Context   int // most tokens of a prompt and its answer
	// Sampling is used where a request does not say how to choose tokens.
	Sampling lm.Sampling
}

// Constrainer makes constraints of answers; see grammar.Compiler.
type Constrainer interface {
	// New makes the constraint of one answer, which the tokens in ends may end.
	New(s grammar.Source, ends []int32) (lm.Constraint, error)
}

// Info is what is known of a model without loading it.
type Info struct {
	ID           string // its name in requests
	Base         string // of an adapter: the ID of its model
	Path         string
	Bytes        int64
	Modified     time.Time
	Architecture string
	Parameters   int64
	Type         string // of its weights, such as I2_S
	Context      int    // tokens that it was made for
	Chat         bool   // reports whether it has a chat template
}

// Models are the models that can be asked for.
type Models interface {
	// List returns all models, loaded or not, in a fixed order.
	List() []Info
	// Open returns a model by its ID, and loads it if it is not loaded. The empty ID is the only
	// model or the default one. The caller calls release when it no longer uses the model. It
	// fails with UnknownModelError, with lm.BusyError if there is no memory for it now, or with
	// the error of loading it.
	Open(ctx context.Context, id string) (m *Model, release func(), err error)
}

// ListFor lists the models that the client of a request may use.
func ListFor(ctx context.Context, m Models) []Info {
	if known, ok := m.(interface {
		ListFor(ctx context.Context) []Info
	}); ok {
		return known.ListFor(ctx)
	}
	return m.List()
}

// Loaded returns the names of the models that are loaded, none if the models do not tell.
func Loaded(m Models) []string {
	if known, ok := m.(interface{ Loaded() []string }); ok {
		return known.Loaded()
	}
	return nil
}

// UnknownModelError says that there is no model of a name.
type UnknownModelError struct {
	ID    string
	Known []string
}
