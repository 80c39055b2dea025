package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"trit/format/gguf"
	"trit/model"
)

// conversion is what the writers of all forms share: the pipeline that makes their tensors,
// and what is counted on the way.
type conversion struct {
	ctx          context.Context
	source       *Source
	report       *Report
	progress     func(done int64)
	tensors      []func() (*output, error)
	pipeline     *pipeline
	done         int64
	zeros, codes atomic.Int64
}

// add enters what is made of a weight, and returns what writes it when the tensors before it
// are written.
func (c *conversion) add(spec model.TensorSpec, open func() (*output, error)) func(w io.Writer) error {
	c.tensors = append(c.tensors, open)
	return func(w io.Writer) error {
		err := c.pipeline.write(w)
		if err == nil || errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("made of %s: %w", c.source.store.name(spec), err)
	}
}

// run calls write while the tensors are made.
func (c *conversion) run(write func() error) error {
	c.pipeline = startPipeline(c.ctx, c.tensors)
	defer c.pipeline.stop()
	return write()
}

// encoded is a weight as rows of a type.
func (c *conversion) encoded(e *encoder) *output {
	if e.typ.IsTernary() {
		c.codes.Add(int64(e.t.rows * e.t.k))
		e.zeros = &c.zeros
	}
	size := e.typ.RowBytes(e.t.k)
	return &output{rows: e.t.rows, rowBytes: size, fill: e.fill, written: func(row, n int) {
		e.t.release(row, n)
		c.advance(n * size)
	}}
}

func (c *conversion) advance(n int) {
	c.done += int64(n)
	c.progress(c.done)
}

// finish enters what was counted into the report.
func (c *conversion) finish() {
	if n := c.codes.Load(); n > 0 {
		c.report.Zeros = float64(c.zeros.Load()) / float64(n)
	}
}

// small is a tensor of a few numbers in a type of floats.
func small(typ gguf.Type, values ...float32) (*output, error) {
	b := make([]byte, typ.RowBytes(len(values)))
	return &output{tail: b}, gguf.Quantize(typ, b, values)
}
