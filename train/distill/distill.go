// Package distill has the teachers of runs that distil: what a teacher is (Teacher), one that tells
// the likeliest tokens alone (TopK), and one that was asked once and whose answers are in a file
// (Cache).
//
// Of a teacher that tells k tokens, the probability that is left is spread evenly over all others. So
// its distribution is whole, at any temperature, and the loss is the one of a teacher that tells all.
package distill

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"trit/data"
	"trit/internal/parallel"
	"trit/setting"
	"trit/train/graph"
)

// Teacher is a model that a run learns from, beside its data.
type Teacher interface {
	graph.Teacher
	// Read takes the batch that Logits and States tell about from then on.
	Read(b *data.Batch) error
	VocabSize() int
	// Fingerprint is that of the model: a run goes on with the teacher that it was begun with.
	Fingerprint() string
	Close() error
}

// topK is a teacher of which the likeliest tokens are taken.
type topK struct {
	Teacher
	k    int
	pool *parallel.Pool
}

// TopK is a teacher that tells the k likeliest tokens of another.
func TopK(t Teacher, k int, pool *parallel.Pool) (Teacher, error) {
	if c, ok := t.(*Cache); ok && (k == 0 || k == c.header.K) {
		return t, nil
	} else if ok {
		return nil, fmt.Errorf("distill_top_k is %d, but %s holds the %d likeliest tokens: set distill_top_k to that or to 0",
			k, c.path, c.header.K)
	}
	if k == 0 {
		return t, nil
	}
	if k < 0 || k >= t.VocabSize() {
		return nil, fmt.Errorf("distill_top_k is %d: want from 1 to below the vocabulary size, %d, or 0 for all tokens",
			k, t.VocabSize())
	}
	return &topK{t, k, pool}, nil
}

// Logits implements graph.Teacher.
func (t *topK) Logits(dst []float32, lo, hi int) error {
	if err := t.Teacher.Logits(dst, lo, hi); err != nil {
		return err
	}
	return forTops(t.pool, t.k, dst, t.VocabSize(), func(_ int, row []float32, t *top) { t.spread(row) })
}

// forTops calls body for each row of logits with the likeliest tokens of it, on the threads of a pool.
func forTops(pool *parallel.Pool, k int, logits []float32, vocab int, body func(r int, row []float32, t *top)) error {
	var failed atomic.Pointer[error]
	pool.For(len(logits)/vocab, 1, func(lo, hi int) {
		picked := newTop(k)
		for r := lo; r < hi; r++ {
			row := logits[r*vocab:][:vocab]
			if err := picked.pick(row); err != nil {
				failed.Store(&err)
				return
			}
			body(r, row, picked)
		}
	})
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// top are the likeliest tokens at a position.
type top struct {
	ids      []int32
	logProbs []float32
	rest     float32 // logarithm of the probability of all others together
}

func newTop(k int) *top { return &top{ids: make([]int32, k), logProbs: make([]float32, k)} }

// pick takes the likeliest tokens by their logits. Among equals it takes the lowest ids.
func (t *top) pick(row []float32) error {
	heap := t.ids[:0] // the root is the least likely of those that are kept
	less := func(a, b int32) bool { return row[a] < row[b] || row[a] == row[b] && a > b }
	for i, v := range row {
		if v-v != 0 {
			return fmt.Errorf("the logit of token %d is %g: the teacher is damaged", i, v)
		}
		switch id := int32(i); {
		case len(heap) < len(t.ids):
			heap = append(heap, id)
			for j := len(heap) - 1; j > 0 && less(heap[j], heap[(j-1)/2]); j = (j - 1) / 2 {
				heap[j], heap[(j-1)/2] = heap[(j-1)/2], heap[j]
			}
		case less(heap[0], id):
			heap[0] = id
			sink(heap, less)
		}
	}
	slices.SortFunc(t.ids, func(a, b int32) int { return cmp.Or(cmp.Compare(row[b], row[a]), cmp.Compare(a, b)) })
	t.setProbabilities(row)
	return nil
}

// sink moves the root of a heap down to its place.
func sink(heap []int32, less func(a, b int32) bool) {
	for j := 0; ; {
		least := j
		for c := 2*j + 1; c <= 2*j+2 && c < len(heap); c++ {
			if less(heap[c], heap[least]) {
				least = c
			}
		}
		if least == j {
			return
		}
		heap[j], heap[least] = heap[least], heap[j]
		j = least
	}
}

// setProbabilities computes the probabilities of the picked tokens and of the others.
func (t *top) setProbabilities(row []float32) {
	best, whole, kept := float64(row[t.ids[0]]), 0.0, 0.0
	for _, v := range row {
		whole += math.Exp(float64(v) - best)
	}
	for i, id := range t.ids {
		kept += math.Exp(float64(row[id]) - best)
		t.logProbs[i] = float32(float64(row[id]) - best - math.Log(whole))
	}
	t.rest = float32(math.Log(max(whole-kept, whole*leastRest) / whole))
}

// leastRest is the least probability of the tokens that are not told, so that none is impossible.
const leastRest = 1e-9

// spread writes logits: those of the told tokens, and of the others, which share the rest evenly.
func (t *top) spread(row []float32) {
	each := t.rest - float32(math.Log(float64(len(row)-len(t.ids))))
	for i := range row {
		row[i] = each
	}
	for i, id := range t.ids {
		row[id] = t.logProbs[i]
	}
}

// CheckVocabulary refuses a teacher whose logits are not for the tokens of its student.
func CheckVocabulary(t Teacher, vocabSize int) error {
	if n := t.VocabSize(); n != vocabSize {
		return setting.Needs("train.Run.Teacher",
			fmt.Sprintf("the vocabulary of the teacher has %d tokens, that of the student %d", n, vocabSize),
			fmt.Sprintf("set vocab_size to %d, or name another teacher with {train.Run.Teacher}", n))
	}
	return nil
}
