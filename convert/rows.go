package convert

import (
	"context"
	"io"
	"sync"

	"trit/internal/parallel"
)

// chunkBytes is about how much of a tensor is made at a time, in a core's second cache.
const chunkBytes = 1 << 20

// chunk is some rows of a tensor as they will be written.
type chunk struct {
	buf  *[]byte // from buffers
	err  error
	rows int
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// writeRows writes rows of rowBytes each to w, in order, while other chunks of them are
// made on all threads. fill makes the rows [row, row+n) in dst. done is told after each
// chunk.
func writeRows(ctx context.Context, w io.Writer, rows, rowBytes int, fill func(dst []byte, row, n int) error, done func(row, n int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A place in the queue is a chunk that is being made or waits to be written.
	queue := make(chan chan chunk, parallel.Threads()+1)
	go func() {
		defer close(queue)
		step := max(1, chunkBytes/max(rowBytes, 1))
		for row := 0; row < rows && ctx.Err() == nil; row += step {
			n, result := min(step, rows-row), make(chan chunk, 1)
			queue <- result
			go func() { result <- makeChunk(row, n, rowBytes, fill) }()
		}
	}()
	var err error
	row := 0
	for result := range queue { // to its end also after an error, so that nothing is left running
		c := <-result
		if err == nil {
			err = c.err
		}
		if err == nil {
			_, err = w.Write(*c.buf)
		}
		if err != nil {
			cancel()
			continue
		}
		buffers.Put(c.buf)
		if done != nil {
			done(row, c.rows)
		}
		row += c.rows
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func makeChunk(row, n, rowBytes int, fill func(dst []byte, row, n int) error) chunk {
	buf := buffers.Get().(*[]byte)
	if cap(*buf) < n*rowBytes {
		*buf = make([]byte, n*rowBytes)
	}
	*buf = (*buf)[:n*rowBytes]
	return chunk{buf, fill(*buf, row, n), n}
}

// stretchWeights is how many weights of a tensor are read before their memory is let go of.
const stretchWeights = 8 << 20

// eachRows calls body for parts of the rows of tensors of one shape, on all threads, and
// lets go of what was read. It returns the first error.
func eachRows(tensors []*tensor, body func(lo, hi int) error) error {
	rows, k := tensors[0].rows, tensors[0].k
	step := max(1, stretchWeights/k)
	errs := make(chan error, 1)
	for at := 0; at < rows; at += step {
		n := min(step, rows-at)
		parallel.Chunks(n, max(1, 1<<16/k), func(lo, hi int) {
			if err := body(at+lo, at+hi); err != nil {
				select {
				case errs <- err:
				default: // another one came first
				}
			}
		})
		for _, t := range tensors {
			t.release(at, n)
		}
		if len(errs) > 0 {
			return <-errs
		}
	}
	return nil
}
