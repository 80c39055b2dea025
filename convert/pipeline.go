package convert

import (
	"context"
	"io"
	"sync"

	"trit/internal/parallel"
)

// output is the bytes of a tensor: rows, which can be made in any order, and a tail.
type output struct {
	rows, rowBytes int
	fill           func(dst []byte, row, n int) error // makes the rows [row, row+n)
	tail           []byte                             // bytes after the rows
	// release gives back what the rows [row, row+n) were made of, after they were written; may be nil.
	release func(row, n int)
}

// chunkBytes is about the size of a chunk, which fits into the level-2 cache of a core.
const chunkBytes = 1 << 20

// chunk is some rows of a tensor as they will be written, or its tail.
type chunk struct {
	buf    *[]byte // from buffers; nil for the tail
	of     *output
	row, n int
	last   bool // of its tensor
	err    error
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// pipeline makes the chunks of tensors on several threads, ahead of the goroutine that writes
// them in their order.
type pipeline struct {
	ctx     context.Context
	cancel  context.CancelFunc
	queue   chan chan chunk // in their order; each inner channel gets one chunk when it is made
	running sync.WaitGroup
}

// startPipeline begins to make tensors on a number of threads, 0 for one for each processor. It
// opens a tensor when its turn comes. The caller must stop the pipeline, after errors too, before
// it closes the source of the tensors.
func startPipeline(ctx context.Context, threads int, tensors []tensor) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	p := &pipeline{ctx: ctx, cancel: cancel, queue: make(chan chan chunk, parallel.New(threads).Threads()+1)}
	p.running.Go(func() {
		defer close(p.queue)
		for _, t := range tensors {
			if !p.make(t.open) {
				return
			}
		}
	})
	return p
}

// stop ends the pipeline and waits for its goroutines.
func (p *pipeline) stop() {
	p.cancel()
	p.running.Wait()
}

// make opens a tensor and queues its chunks. It returns false if the pipeline has to end.
func (p *pipeline) make(open func() (*output, error)) bool {
	o, err := open()
	if err != nil {
		p.push(chunk{last: true, err: err})
		return false
	}
	step := max(1, chunkBytes/max(o.rowBytes, 1))
	for row := 0; row < o.rows; row += step {
		result, n := make(chan chunk, 1), min(step, o.rows-row)
		if !p.send(result) {
			return false
		}
		p.running.Go(func() { result <- o.chunk(row, n) })
	}
	return p.push(chunk{of: o, last: true})
}

func (p *pipeline) push(c chunk) bool {
	result := make(chan chunk, 1)
	result <- c
	return p.send(result)
}

func (p *pipeline) send(result chan chunk) bool {
	select {
	case p.queue <- result:
		return true
	case <-p.ctx.Done():
		return false
	}
}

func (o *output) chunk(row, n int) chunk {
	buf := buffers.Get().(*[]byte)
	if cap(*buf) < n*o.rowBytes {
		*buf = make([]byte, n*o.rowBytes)
	}
	*buf = (*buf)[:n*o.rowBytes]
	return chunk{buf: buf, of: o, row: row, n: n, err: o.fill(*buf, row, n)}
}

// write writes the bytes of the next tensor.
func (p *pipeline) write(w io.Writer) error {
	for result := range p.queue {
		c := <-result
		if c.err != nil {
			return c.err
		}
		if c.last {
			_, err := w.Write(c.of.tail)
			return err
		}
		if _, err := w.Write(*c.buf); err != nil {
			return err
		}
		buffers.Put(c.buf)
		if c.of.release != nil {
			c.of.release(c.row, c.n)
		}
	}
	return p.ctx.Err()
}
