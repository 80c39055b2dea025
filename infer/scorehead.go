package infer

import (
	"math"
	"slices"

	"trit/bitlinear/kernel"
	"trit/internal/parallel"
)

// question asks how likely a token is after a row of a pass; below 0, only which one is the
// likeliest.
type question struct {
	row int
	id  int32
}

// answer is ln p of the token and the likeliest one, the first of equals.
type answer struct {
	logProb   float64
	likeliest int32
}

const (
	// vocabBlock is how many logits of a row are made into a maximum and a sum together.
	// Sums depend on where blocks are cut, so they are cut there always.
	vocabBlock = 256
	// headBlock is for how many rows the blocks of logits stay in a core's second cache.
	headBlock = 256
	// headBytes is for how many bytes of logits there is memory, where the head makes whole
	// rows of them.
	headBytes = 8 << 20
)

// headSums answers questions. The logits of a block are made, summed up and forgotten, by
// the core that made them, so there are never many of them.
type headSums struct {
	questions []question
	rows      []int        // of the pass that are asked about
	first     []int        // question of each of them, and the end
	logits    []float32    // of the questions
	parts     []softmaxSum // [rows, blocks]
	blocks    int
	whole     []float32 // rows of logits
	answers   []answer
	asked     int // rows of all questions of a pass
}

// softmaxSum is the largest of some logits, the sum of e^(logit-top), and the first token
// that has the largest.
type softmaxSum struct {
	top, sum  float32
	likeliest int32
}

// answer answers questions, which are in the order of their rows.
func (h *headSums) answer(p *pass, questions []question) []answer {
	vocab := p.m.config.VocabSize
	h.blocks, h.answers, h.asked = (vocab+vocabBlock-1)/vocabBlock, h.answers[:0], 0
	dense, limit := exactHead(p.m.head), headBlock
	if dense == nil {
		limit = max(1, headBytes/4/vocab)
	}
	for len(questions) > 0 {
		questions = h.load(questions, limit)
		p.finalNorm(h.rows)
		if dense != nil {
			h.stream(dense, p.last.x)
		} else {
			h.sumWhole(p)
		}
		base := len(h.answers)
		h.answers = append(h.answers, make([]answer, len(h.questions))...)
		rows(len(h.rows), 32*h.blocks, func(t int) { h.merge(t, h.answers[base:]) })
		h.asked += len(h.rows)
	}
	return h.answers
}

// exactHead is the weights of a head whose logits are products with these; nil of another.
func exactHead(m matrix) *denseMatrix {
	switch d := m.(type) {
	case *denseMatrix:
		return d
	case *boundedHead:
		return d.denseMatrix
	}
	return nil
}

// load takes the questions about the next rows and returns the others.
func (h *headSums) load(questions []question, limit int) []question {
	h.rows, h.first = h.rows[:0], h.first[:0]
	n := 0
	for ; n < len(questions); n++ {
		if n > 0 && questions[n].row == questions[n-1].row {
			continue
		}
		if len(h.rows) == limit {
			break
		}
		h.rows, h.first = append(h.rows, questions[n].row), append(h.first, n)
	}
	h.first = append(h.first, n)
	h.questions, h.logits = questions[:n], grow(h.logits, n)
	h.parts = grow(h.parts, len(h.rows)*h.blocks)
	return questions[n:]
}

// stream sums up the products of the rows x with the weights, block by block.
func (h *headSums) stream(d *denseMatrix, x []float32) {
	m := len(h.rows)
	parallel.Chunks(h.blocks, 1, func(lo, hi int) {
		buffer := floats.Get().(*[]float32)
		defer floats.Put(buffer)
		*buffer = grow(*buffer, m*vocabBlock)
		for b := lo; b < hi; b++ {
			from, end := b*vocabBlock, min((b+1)*vocabBlock, d.n)
			d.mulRows(*buffer, vocabBlock, x, m, from, end)
			for t := range m {
				h.sum(t, b, (*buffer)[t*vocabBlock:][:end-from])
			}
		}
	})
}

// sumWhole sums up logits of a head that makes whole rows of them.
func (h *headSums) sumWhole(p *pass) {
	vocab, m := p.m.config.VocabSize, len(h.rows)
	h.whole = grow(h.whole, m*vocab)
	p.m.head.mul(h.whole, &p.last, m)
	parallel.Chunks(m*h.blocks, max(1, 1<<15/vocabBlock), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			t, b := i/h.blocks, i%h.blocks
			h.sum(t, b, h.whole[t*vocab:][b*vocabBlock:min((b+1)*vocabBlock, vocab)])
		}
	})
}

// sum takes the logits of block b after row t, and leaves something else in them.
func (h *headSums) sum(t, b int, logits []float32) {
	for i := h.first[t]; i < h.first[t+1]; i++ {
		if at := int(h.questions[i].id) - b*vocabBlock; at >= 0 && at < len(logits) {
			h.logits[i] = logits[at]
		}
	}
	top := kernel.Max(logits)
	at := max(0, slices.Index(logits, top)) // none is where a logit is no number
	h.parts[t*h.blocks+b] = softmaxSum{top, kernel.ExpScaled(logits, 1, top), int32(b*vocabBlock + at)}
}

// merge writes the answers about row t.
func (h *headSums) merge(t int, answers []answer) {
	parts := h.parts[t*h.blocks:][:h.blocks]
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
		answers[i] = answer{float64(h.logits[i]) - float64(best.top) - math.Log(sum), best.likeliest}
	}
}
