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
