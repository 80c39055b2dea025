package graph

import (
	"sync"

	"trit/bitlinear"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// workspace is memory that the operations of a graph use one after the other.
type workspace struct {
	config     *model.Config
	mode       *bitlinear.Mode
	pool       *parallel.Pool
	rows       int // M
	scratch    bitlinear.Scratch
	attention  *attention
	unit       gatedUnit
	table      roundedTable
	share      bool // blocks share the memory of what they keep
	shared     *kept
	evaluating bool      // no gradients are made
	accumulate bool      // gradients of weights are added to the present ones
	stream     []float32 // [M,D], the gradient of the residual stream
	wide       []float32 // [M,D]
	wider      []float32 // [M,max(Q,F)], for the backward pass
	partials   []float32 // [rowParts,max(D,Q,F)] sums of gradients of a norm's weights
	scratches  sync.Pool // of *rowScratch
	onGradient func(names ...string)
}

// done tells the caller of the graph that the gradients of these weights are complete.
func (ws *workspace) done(names ...string) {
	if ws.onGradient != nil {
		ws.onGradient(names...)
	}
}

// rowScratch is what a thread needs for a row.
type rowScratch struct {
	norm, unit    []float32
	gateUp        []float32 // [2F], the gradient of gate and up
	logits        []float32 // [V], the gradient of a token's
	band          []float32 // [bandRows,D]
	part, teacher [sumPart]float32
}

// sumPart is the number of float32 terms that are added up before the sum goes on in float64.
const sumPart = 256

// rowParts is the number of parts that the rows are cut into for sums over them, so that the
// sums do not depend on the number of threads.
const rowParts = 16

func newWorkspace(c *model.Config, mode *bitlinear.Mode, o Options, starts []int32) *workspace {
	m, widest := o.Batch*o.SequenceLength, max(c.HiddenSize, c.QDim(), c.IntermediateSize)
	ws := &workspace{config: c, mode: mode, pool: parallel.New(o.Threads), rows: m,
		attention: newAttention(c, mode, o, starts), unit: newGatedUnit(c.HiddenAct), table: newRoundedTable(c),
		share: o.CheckpointActivations || !o.Backward, wide: memory.Make[float32](m * c.HiddenSize)}
	ws.scratches.New = func() any {
		floats := func(n int) []float32 { return make([]float32, n) }
		return &rowScratch{norm: floats(widest), unit: floats(widest), gateUp: floats(2 * c.IntermediateSize)}
	}
	if o.Backward {
		ws.stream, ws.partials = memory.Make[float32](m*c.HiddenSize), make([]float32, rowParts*widest)
		ws.wider = memory.Make[float32](m * max(c.QDim(), c.IntermediateSize))
	}
	return ws
}

// forParts calls body for rowParts ranges of rows.
func (ws *workspace) forParts(body func(part, lo, hi int, s *rowScratch)) {
	ws.pool.Chunks(rowParts, 1, func(first, last int) {
		s := ws.scratches.Get().(*rowScratch)
		defer ws.scratches.Put(s)
		for p := first; p < last; p++ {
			body(p, p*ws.rows/rowParts, (p+1)*ws.rows/rowParts, s)
		}
	})
}

// normGrads calls body for all rows. body adds the row's gradient of a norm's weights to dNorm, a
// part of the sum; normGrads adds the parts to dw [width]. Without a norm dw is nil.
func (ws *workspace) normGrads(dw []float32, width int, body func(r int, dNorm []float32, s *rowScratch)) {
	ws.forParts(func(part, lo, hi int, s *rowScratch) {
		dNorm := ws.partials[part*width:][:width]
		clear(dNorm)
		for r := lo; r < hi; r++ {
			body(r, dNorm, s)
		}
	})
	if dw == nil {
		return
	}
	if !ws.accumulate {
		clear(dw)
	}
	for p := range rowParts {
		vector.Axpy(1, ws.partials[p*width:][:width], dw)
	}
}
