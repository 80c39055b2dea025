package graph

import (
	"fmt"
	"math"
	"sync"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// States are the outputs of the query, key and value projections of a layer, before the rotary
// embedding.
type States struct {
	Values          []float32 // [M,Query+2*KeyValue]
	Query, KeyValue int
	KeyValueHeads   int
}

func newStates(c *model.Config, rows int) *States {
	s := &States{Query: c.QDim(), KeyValue: c.KVDim(), KeyValueHeads: c.NumKeyValueHeads}
	s.Values = make([]float32, rows*s.width())
	return s
}

func (s *States) width() int { return s.Query + 2*s.KeyValue }

// columns are the first column of relation head h of a kind, and the number of its columns.
func (s *States) columns(kind, h, heads int) (first, n int) {
	if kind == queryHead {
		return h * s.Query / heads, s.Query / heads
	}
	return s.Query + (kind-keyHead)*s.KeyValue + h*s.KeyValue/heads, s.KeyValue / heads
}

// KeepStates makes each Run keep the states of a layer, counted from 1 (0: the last), for a
// student's graph.
func (d *Decoder) KeepStates(layer int) (*States, error) {
	if err := checkLayer(&d.cfg, layer); err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	b := d.blocks[layerIndex(&d.cfg, layer)]
	b.states = newStates(&d.cfg, d.ws.rows)
	return b.states, nil
}

// relations compares how the positions of a document relate to each other in a layer of a student
// and of its teacher, as MiniLM and BitDistill do: for A in queries, keys and values, which are cut
// into heads of width d, it is
//
//	sum over A of the mean over heads of KL(softmax(A A^T/sqrt(d)) of the teacher || of the student)
//
// for each position with a target, over the positions of its document in the row. Widths may differ,
// and so may the models' own heads: there are as many relation heads as divide the key heads of both.
type relations struct {
	*workspace
	weight  float64
	teacher *States
	student *States // without values
	targets []int32
	starts  []int32
	length  int
	heads   int
	grad    []float32  // [M,width], of weight*loss/M
	loss    float64    // sum over the positions with a target
	parts   []float64  // of loss, a part for each task
	docs    []document // of the batch
	buffers sync.Pool  // of *relationBuffers
}

// document is a range of rows of the batch.
type document struct{ lo, hi int }

// relationBuffers are the scratch of a thread: relations of a tile of rows, and the gradient of the
// states of a head.
type relationBuffers struct {
	ours, theirs []float32 // [queryTile,T]
	grad         []float32 // [T,columns]
}

func newRelations(ws *workspace, o *Distillation, targets, starts []int32, length int) *relations {
	c, theirs := ws.config, o.Teacher.States()
	r := &relations{workspace: ws, weight: o.Relations, teacher: theirs, targets: targets, starts: starts, length: length,
		student: &States{Query: c.QDim(), KeyValue: c.KVDim(), KeyValueHeads: c.NumKeyValueHeads}}
	r.heads = commonDivisor(c.NumKeyValueHeads, theirs.KeyValueHeads)
	r.grad = make([]float32, ws.rows*r.student.width())
	r.buffers.New = func() any {
		return &relationBuffers{ours: make([]float32, queryTile*length), theirs: make([]float32, queryTile*length),
			grad: make([]float32, length*max(c.QDim(), c.KVDim())/r.heads)}
	}
	return r
}

func commonDivisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// compare sets loss and grad for the student's states qkv.
func (r *relations) compare(qkv []float32) {
	r.findDocuments()
	kinds := valueHead + 1
	tasks := len(r.docs) * kinds * r.heads
	r.parts = append(r.parts[:0], make([]float64, tasks)...)
	r.pool.Chunks(tasks, 1, func(lo, hi int) {
		buf := r.buffers.Get().(*relationBuffers)
		defer r.buffers.Put(buf)
		for i := lo; i < hi; i++ {
			task := relationTask{relations: r, relationBuffers: buf, document: r.docs[i/(kinds*r.heads)]}
			task.begin(qkv, i/r.heads%kinds, i%r.heads)
			r.parts[i] = task.compare()
		}
	})
	r.loss = 0
	for _, p := range r.parts { // in order, so that the sum does not depend on the threads
		r.loss += p
	}
}

// findDocuments lists the documents of the batch: positions of a row that begin at the same one.
func (r *relations) findDocuments() {
	r.docs = r.docs[:0]
	for i := range r.starts {
		if i%r.length == 0 || r.starts[i] != r.starts[i-1] {
			r.docs = append(r.docs, document{i, i})
		}
		r.docs[len(r.docs)-1].hi++
	}
}

// relationTask compares one head of one kind in one document.
type relationTask struct {
	*relations
	*relationBuffers
	document
	ours, theirs       []float32 // from the first position of the document and the first column of the head
	first              int       // column
	columns, theirCols int
}

func (t *relationTask) begin(qkv []float32, kind, h int) {
	var theirFirst int
	t.first, t.columns = t.student.columns(kind, h, t.heads)
	theirFirst, t.theirCols = t.teacher.columns(kind, h, t.heads)
	t.ours = qkv[t.lo*t.student.width()+t.first:]
	t.theirs = t.teacher.Values[t.lo*t.teacher.width()+theirFirst:]
}

// compare writes the gradient of the head's states and returns the sum of the divergences. With G
// the gradient of the scores A A^T, the gradient of A is G A + G^T A.
func (t *relationTask) compare() (loss float64) {
	n, width := t.hi-t.lo, t.student.width()
	grad := t.relationBuffers.grad[:n*t.columns]
	clear(grad)
	for first := 0; first < n; first += queryTile {
		rows := min(queryTile, n-first)
		scores := t.relationBuffers.ours[:rows*n]
		t.multiply(rows, t.ours[first*width:], t.ours, width, t.columns, scores)
		theirs := t.relationBuffers.theirs[:rows*n]
		w := t.teacher.width()
		t.multiply(rows, t.theirs[first*w:], t.theirs, w, t.theirCols, theirs)
		for i := range rows {
			loss += t.row(scores[i*n:][:n], theirs[i*n:][:n], t.targets[t.lo+first+i] >= 0)
		}
		gemm.MulOneThread(false, false, rows, t.columns, n, scores, n, t.ours, width, grad[first*t.columns:], true)
		gemm.MulOneThread(true, false, n, t.columns, rows, scores, n, t.ours[first*width:], width, grad, true)
	}
	for i := range n {
		copy(t.relations.grad[(t.lo+i)*width+t.first:][:t.columns], grad[i*t.columns:])
	}
	return loss / float64(t.heads)
}

// multiply computes the scores of rows, [rows,n], by all positions of the document.
func (t *relationTask) multiply(rows int, a, all []float32, width, columns int, scores []float32) {
	gemm.MulOneThread(false, true, rows, t.hi-t.lo, columns, a, width, all, width, scores, false)
}

// row replaces the scores of a position by their gradient, (q - p)/sqrt(d), weighed and over M, where
// p and q are the softmax of their and of our scores over sqrt(d), and returns KL(p || q).
func (t *relationTask) row(ours, theirs []float32, scored bool) float64 {
	if !scored {
		clear(ours)
		return 0
	}
	s := t.scratches.Get().(*rowScratch)
	defer t.scratches.Put(s)
	scale, theirScale := float32(1/math.Sqrt(float64(t.columns))), float32(1/math.Sqrt(float64(t.theirCols)))
	lse, theirLse := logSumExp(ours, scale, vector.Max(ours)), logSumExp(theirs, theirScale, vector.Max(theirs))
	factor, kl := scale*float32(t.weight/float64(t.heads*t.rows)), lse-theirLse
	for lo := 0; lo < len(ours); lo += sumPart {
		x, y := ours[lo:min(lo+sumPart, len(ours))], theirs[lo:min(lo+sumPart, len(ours))]
		p := s.teacher[:copy(s.teacher[:], y)]
		vector.ExpScaled(p, theirScale, float32(theirLse)/theirScale)
		kl += float64(theirScale*vector.Dot(p, y)) - float64(scale*vector.Dot(p, x))
		vector.ExpScaled(x, scale, float32(lse)/scale)
		vector.Axpy(-1, p, x)
		vector.Scale(factor, x)
	}
	return kl
}
