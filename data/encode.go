package data

import (
	"context"
	"iter"
	"sync"

	"trit/data/source"
	"trit/internal/parallel"
)

// batchBytes is about the number of bytes of text that a goroutine gets at a time.
const batchBytes = 256 << 10

// document is one encoded text or conversation.
type document struct {
	ids   []int32
	learn []bool // of a conversation: which tokens are learned
	bytes int64
}

// entry is what one text or row becomes.
type entry struct {
	documents []document // one, or the two of a pair; none: it is left out
	left      string     // why it is left out, a key of Manifest.LeftOut
	refusal   error      // the template's, of one that is left out for it
	cut       bool       // it was too long
	heldout   bool
	err       error

	// Of a text:
	next  source.Position // behind it
	bytes int64           // of it in UTF-8
	keys  []uint64        // by which duplicates are found
	lacks []string        // columns of the filters' expression that its row does not have
}

type encoded struct {
	entries []entry
	err     error
}

// encodeInOrder encodes texts or rows, of a size in bytes, on as many goroutines as the pool has
// threads and yields the results in their order. It returns when its goroutines have ended.
func encodeInOrder[T any](
	ctx context.Context, pool *parallel.Pool, texts iter.Seq2[T, error], size func(T) int, encode func(T) entry,
) iter.Seq2[[]entry, error] {
	return func(yield func([]entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		queue := make(chan chan encoded, pool.Threads()) // bounds the batches in progress
		running.Go(func() {
			defer close(queue)
			for batch, err := range batches(texts, size) {
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
			if e := <-done; !yield(e.entries, e.err) || e.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func encodeAll[T any](texts []T, encode func(T) entry) []entry {
	out := make([]entry, len(texts))
	for i, text := range texts {
		out[i] = encode(text)
	}
	return out
}

// batches gathers texts until they are worth a goroutine; an error ends the last.
func batches[T any](texts iter.Seq2[T, error], size func(T) int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var batch []T
		bytes := 0
		for text, err := range texts {
			if err != nil {
				yield(batch, err)
				return
			}
			batch = append(batch, text)
			if bytes += size(text); bytes >= batchBytes {
				if !yield(batch, nil) {
					return
				}
				batch, bytes = nil, 0
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}
