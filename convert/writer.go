package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"trit/convert/source"
	"trit/format/gguf"
)

// writer is a form that a model is written in. Its methods are called in the order in which
// they stand here: plan, begin, then Write and endTensor for each tensor, finish, commit, and
// discard in the end, wherever an error broke that off.
type writer interface {
	// plan chooses types and lists the tensors of the output. It writes nothing.
	plan(m *source.Model) (*plan, error)
	// begin makes the output under a temporary name, up to its first tensor.
	begin() error
	// Write writes a part of the current tensor.
	io.Writer
	// endTensor goes on to the next tensor of the plan.
	endTensor() error
	// finish writes what follows the tensors. The output can be read then.
	finish() error
	// name is the temporary name.
	name() string
	// commit gives the output its own name, in place of what had it.
	commit() error
	// discard removes an output that was not committed.
	discard()
}

// newWriter chooses the form by the name of the output.
func newWriter(out string, o Options) writer {
	if isGGUF(out) {
		return &ggufWriter{out: out, options: o}
	}
	return &folderWriter{out: out, options: o}
}

// plan is what will be written.
type plan struct {
	model        *source.Model // as it will be written: padded, where that was wanted
	architecture string
	tensors      []tensor
	zeros        zeros
}

// bytes is the size of all tensors.
func (p *plan) bytes() (n int64) {
	for _, t := range p.tensors {
		n += t.bytes
	}
	return n
}

// tensor is one of the output.
type tensor struct {
	name  string // in the output
	from  string // what the source calls the weight that it is made of
	bytes int64
	open  func() (*output, error) // opens that weight; called when the turn of the tensor comes
}

func (t *tensor) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: made of %s: %w", t.name, t.from, err)
}

// zeros counts the zeros among ternary weights, on all threads.
type zeros struct{ zeros, weights atomic.Int64 }

// share is that of zeros, 0 where there are no ternary weights.
func (z *zeros) share() float64 {
	if n := z.weights.Load(); n > 0 {
		return float64(z.zeros.Load()) / float64(n)
	}
	return 0
}

// encoded is a weight as rows of a type.
func (p *plan) encoded(e *encoder) *output {
	if e.typ.IsTernary() {
		p.zeros.weights.Add(int64(e.t.Rows * e.t.Columns))
		e.zeros = &p.zeros.zeros
	}
	return &output{rows: e.t.Rows, rowBytes: e.typ.RowBytes(e.t.Columns), fill: e.fill, release: e.t.Release}
}

// small is a tensor of a few numbers in a type of floats.
func small(typ gguf.Type, values ...float32) (*output, error) {
	b := make([]byte, typ.RowBytes(len(values)))
	return &output{tail: b}, gguf.Quantize(typ, b, values)
}
