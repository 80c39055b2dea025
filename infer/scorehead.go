package infer

import (
	"math"
	"slices"

	"trit/bitlinear/kernel/vector"
)

// question asks how likely a token is after a row of a pass.
type question struct {
	row int
	id  int32 // below 0: asks only for the likeliest token
	to  int   // index of the request or walk that the answer is for
	top bool  // asks for the likeliest token too
}

// answer is the answer to a question.
type answer struct {
	logProb float64 // ln p of the token
	// likeliest is the likeliest token after the row, the lowest id among equals. It is -1 if
	// the question names another token and no question names one of the same block of logits.
	likeliest  int32
	topLogProb float64 // ln p of the likeliest token
}

const (
	// vocabBlock is the number of logits of a row that are summed up together. The bits of a
	// sum depend on where blocks are cut, so the size never changes.
	vocabBlock = 256
	// headRows is the number of rows that share one conversion of the head's weights. Their
	// blocks of logits stay in the level-2 cache of a core, and they fill tiles of six.
	headRows = 252
	// headBytes is the memory for logits of a head that computes whole rows of them.
	headBytes = 8 << 20
)

// headSums answers questions about rows of one or several passes together. A thread computes a
// block of logits, sums it up and drops it, so that few logits are in memory at a time.
type headSums struct {
	m         *Model
	rows      int          // number of rows that questions are about
	x         []float32    // the head's input for these rows, [rows, D]
	questions []question   // sorted by row
	first     []int        // index of the first question about each row
	logits    []float32    // of the questions' tokens
	parts     []softmaxSum // [rows, blocks]
	whole     []float32    // memory for whole rows of logits
	answers   []answer
}

// softmaxSum is a block of logits, summed up: the largest logit, the sum of e^(logit-top), and
// the first token that has the largest logit, or -1 if no question is about the block.
type softmaxSum struct {
	top, sum  float32
	likeliest int32
}

// blocks is the number of blocks of a row of logits.
func (h *headSums) blocks() int { return (h.m.config.VocabSize + vocabBlock - 1) / vocabBlock }

// limit is the most rows that are answered together.
func (h *headSums) limit() int {
	if exactHead(h.m.head) != nil {
		return headRows
	}
	return max(1, headBytes/4/h.m.config.VocabSize)
}

// enqueue adds questions about rows of a pass, sorted by row. Whenever the limit of rows is
// reached, it answers all questions.
func (h *headSums) enqueue(p *pass, questions []question, deliver func(question, answer)) {
	for limit := h.limit(); len(questions) > 0; {
		questions = questions[h.load(p, questions, limit):]
		if len(questions) > 0 {
			h.flush(deliver)
		}
	}
}

// reset drops all questions.
func (h *headSums) reset() { h.rows, h.questions, h.first = 0, h.questions[:0], h.first[:0] }

// load adds the first of the questions and their rows, up to limit rows in all. It returns the
// number of questions that it added.
func (h *headSums) load(p *pass, questions []question, limit int) (n int) {
	old, last := h.rows, -1
	for ; n < len(questions); n++ {
		if q := questions[n]; q.row != last {
			if h.rows == limit {
				break
			}
			h.first, h.rows, last = append(h.first, len(h.questions)), h.rows+1, q.row
		}
		h.questions = append(h.questions, questions[n])
	}
	d := h.m.config.HiddenSize
	h.x = slices.Grow(h.x[:old*d], (h.rows-old)*d)[:h.rows*d]
	rows(h.m.pool, h.rows-old, d, func(t int) {
		row := h.questions[h.first[old+t]].row
		p.headInput(h.x[(old+t)*d:][:d], p.x[row*d:][:d])
	})
	return n
}

// flush answers all questions, delivers the answers in the order of the questions, and drops
// them.
func (h *headSums) flush(deliver func(question, answer)) {
	if h.rows == 0 {
		return
	}
	h.first = append(h.first, len(h.questions))
	h.logits, h.answers = grow(h.logits, len(h.questions)), grow(h.answers, len(h.questions))
	h.parts = grow(h.parts, h.rows*h.blocks())
	if dense := exactHead(h.m.head); dense != nil {
		h.stream(dense)
	} else {
		h.sumWhole()
	}
	rows(h.m.pool, h.rows, 32*h.blocks(), h.merge)
	for i, q := range h.questions {
		deliver(q, h.answers[i])
	}
	h.reset()
}

// exactHead returns the weights of a head whose logits are exact products with them, nil for
// another head.
func exactHead(m matrix) *denseMatrix {
	switch d := m.(type) {
	case *denseMatrix:
		return d
	case *boundedHead:
		return d.denseMatrix
	}
	return nil
}

// stream computes the logits of all rows with the weights d and sums them up, block by block.
func (h *headSums) stream(d *denseMatrix) {
	h.m.pool.Chunks(h.blocks(), 1, func(lo, hi int) {
		buffer := floats.Get().(*[]float32)
		defer floats.Put(buffer)
		*buffer = grow(*buffer, h.rows*vocabBlock)
		for b := lo; b < hi; b++ {
			from, end := b*vocabBlock, min((b+1)*vocabBlock, d.n)
			d.mulRows(*buffer, vocabBlock, h.x, h.rows, from, end)
			for t := range h.rows {
				logits := (*buffer)[t*vocabBlock:][:end-from]
				h.m.capLogits(logits)
				h.sum(t, b, logits)
			}
		}
	})
}

// sumWhole computes whole rows of logits, for a head that makes no single blocks, and sums them
// up.
func (h *headSums) sumWhole() {
	vocab, blocks := h.m.config.VocabSize, h.blocks()
	h.whole = grow(h.whole, h.rows*vocab)
	h.m.headLogits(h.whole, fromRows(h.x, h.m.config.HiddenSize), h.rows)
	h.m.pool.Chunks(h.rows*blocks, 1<<15/vocabBlock, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			t, b := i/blocks, i%blocks
			h.sum(t, b, h.whole[t*vocab:][b*vocabBlock:min((b+1)*vocabBlock, vocab)])
		}
	})
}

// sum sums up the logits of block b after row t. It overwrites them.
func (h *headSums) sum(t, b int, logits []float32) {
	part := softmaxSum{top: vector.Max(logits), likeliest: -1}
	asked := false
	for i := h.first[t]; i < h.first[t+1]; i++ {
		id := int(h.questions[i].id)
		at := id - b*vocabBlock
		if at >= 0 && at < len(logits) {
			h.logits[i] = logits[at]
		}
		asked = asked || id < 0 || h.questions[i].top || at >= 0 && at < len(logits)
	}
	if asked {
		at := max(0, slices.Index(logits, part.top)) // -1 if a logit is not a number
		part.likeliest = int32(b*vocabBlock + at)
	}
	part.sum = vector.ExpScaled(logits, 1, part.top)
	h.parts[t*h.blocks()+b] = part
}

// merge makes the answers about row t from the sums of its blocks.
func (h *headSums) merge(t int) {
	parts := h.parts[t*h.blocks():][:h.blocks()]
	best, sum := parts[0], 0.0
	for _, p := range parts[1:] {
		if p.top > best.top {
			best = p
		}
	}
	for _, p := range parts {
		sum += float64(p.sum) * math.Exp(float64(p.top)-float64(best.top))
	}
	for i := h.first[t]; i < h.first[t+1]; i++ {
		h.answers[i] = answer{float64(h.logits[i]) - float64(best.top) - math.Log(sum), best.likeliest, -math.Log(sum)}
	}
}
