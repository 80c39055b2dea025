package data

import (
	"context"
	"iter"
	"sync"

	"trit/internal/parallel"
)

// batchBytes is about the number of bytes of text that a goroutine gets at a time.
const batchBytes = 256 << 10

// document is one encoded text.
type document struct {
	ids     []int32
	bytes   int64
	heldout bool
}

type encoded struct {
	documents []document
	err       error
}

// encodeInOrder encodes texts on as many goroutines as the pool has threads and yields the
// results in the order of the texts. It returns when its goroutines have ended.
func encodeInOrder(
	ctx context.Context, pool *parallel.Pool, texts iter.Seq2[string, error], encode func(string) document,
) iter.Seq2[[]document, error] {
	return func(yield func([]document, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		queue := make(chan chan encoded, pool.Threads()) // bounds the batches in progress
		running.Go(func() {
			defer close(queue)
			for batch, err := range batches(texts) {
				done := make(chan encoded, 1)
				running.Go(func() { done <- encoded{encodeAll(batch, encode), err} })
				select {
				case queue <- done:
				case <-ctx.Done():
					return
				}
			}
		})
		for done := range queue {
			if e := <-done; !yield(e.documents, e.err) || e.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func encodeAll(texts []string, encode func(string) document) []document {
	out := make([]document, len(texts))
	for i, text := range texts {
		out[i] = encode(text)
	}
	return out
}

// batches gathers texts until they are worth a goroutine; an error ends the last.
func batches(texts iter.Seq2[string, error]) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		var batch []string
		size := 0
		for text, err := range texts {
			if err != nil {
				yield(batch, err)
				return
			}
			batch = append(batch, text)
			if size += len(text); size >= batchBytes {
				if !yield(batch, nil) {
					return
				}
				batch, size = nil, 0
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}
