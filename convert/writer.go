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

// writer writes a model in one form. Its methods are called in the order of their declaration:
// plan, begin, Write and endTensor for each tensor, finish, commit. discard is always called
// last, after an error too.
type writer interface {
	// plan chooses types and lists the tensors of the output. It writes nothing.
	plan(m *source.Model) (*plan, error)
	// begin creates the output under a temporary name and writes everything before its first
	// tensor.
	begin() error
	// Write writes a part of the current tensor.
	io.Writer
	// endTensor ends the current tensor; the next one of the plan follows.
	endTensor() error
	// finish writes everything after the tensors. The output can be read then.
	finish() error
	// name is the temporary name.
	name() string
	// commit gives the output its own name, and replaces what had the name.
	commit() error
	// discard removes the output unless it was committed.
	discard()
}

// newWriter chooses the form by the name of the output.
func newWriter(out string, o Options) writer {
	if isGGUF(out) {
		return &ggufWriter{out: out, options: o}
	}
	return &folderWriter{out: out, options: o}
}

// plan describes the output.
type plan struct {
	model        *source.Model // as it will be written: padded if Options.Pad is set
	architecture string        // GGUF's name, or the class in config.json
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

// tensor is a tensor of the output.
type tensor struct {
	name  string // in the output
	from  string // name of its weight in the source
	bytes int64
	open  func() (*output, error) // opens the weight; called when the turn of the tensor comes
}

// explain adds the names of the tensor and its weight to an error.
func (t *tensor) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: made of %s: %w", t.name, t.from, err)
}

// zeros counts ternary weights and the zeros among them. Several threads may use it at once.
type zeros struct{ zeros, weights atomic.Int64 }

// share is the share of zeros, 0 if there are no ternary weights.
func (z *zeros) share() float64 {
	if n := z.weights.Load(); n > 0 {
		return float64(z.zeros.Load()) / float64(n)
	}
	return 0
}

// encoded is the output of an encoder. Its zeros are counted.
func (p *plan) encoded(e *encoder) *output {
	if e.isBitNet() {
		p.zeros.weights.Add(int64(e.t.Rows * e.t.Columns))
		e.zeros = &p.zeros.zeros
	}
	return &output{rows: e.t.Rows, rowBytes: e.typ.RowBytes(e.t.Columns), fill: e.fill, release: e.t.Release}
}

// small is the output of a tensor of a few numbers, in a floating-point type.
func small(typ gguf.Type, values ...float32) (*output, error) {
	b := make([]byte, typ.RowBytes(len(values)))
	return &output{tail: b}, gguf.Quantize(typ, b, values)
}
