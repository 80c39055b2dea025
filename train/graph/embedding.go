package graph

import (
	"trit/bitlinear"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// embedding looks the tokens up: weight [V,D] -> [M,D]. Its gradient is zero except in the rows
// of the batch's tokens.
type embedding struct {
	*workspace
	tokens  []int32
	width   int
	tied    bool    // the head has the same weight; its gradient is in the buffer already
	touched []int32 // rows of the gradient that are not zero
	// Of a frozen base: the weight, and the memory for what is looked up.
	frozen *bitlinear.Frozen
	out    []float32
}

// lookUp is forward with a frozen weight.
func (e *embedding) lookUp() {
	forRows(e.pool, len(e.tokens), e.width, func(r int) {
		e.frozen.Values(e.out[r*e.width:][:e.width], int(e.tokens[r]), 0)
	})
}

func (e *embedding) fn(grad []float32) bitlinear.Func {
	return bitlinear.Func{
		Name: "embedding", Shape: []int{len(e.tokens), e.width}, Grads: [][]float32{grad},
		Forward: e.forward, Backward: e.backward,
	}
}

func (e *embedding) forward(in [][]float32, out []float32) {
	table := e.table.embedding(e.mode, in[0], len(in[0])/e.width)
	forRows(e.pool, len(e.tokens), e.width, func(r int) {
		copy(out[r*e.width:][:e.width], table[int(e.tokens[r])*e.width:])
	})
}

// backward adds the gradients of the tokens to the rows, in the order of the tokens. Each thread
// takes a range of columns.
func (e *embedding) backward(_ [][]float32, grad []float32, grads [][]float32) {
	if !e.tied {
		e.clearTouched(grads[0])
	}
	e.pool.For(e.width, 16, func(lo, hi int) {
		for i, t := range e.tokens {
			vector.Axpy(1, grad[i*e.width+lo:i*e.width+hi], grads[0][int(t)*e.width+lo:])
		}
	})
	e.done(model.EmbedTokens)
}

// clearTouched clears the rows of earlier runs, unless gradients accumulate.
func (e *embedding) clearTouched(grad []float32) {
	if !e.accumulate {
		for _, t := range e.touched {
			clear(grad[int(t)*e.width:][:e.width])
		}
		e.touched = e.touched[:0]
	}
	e.touched = append(e.touched, e.tokens...)
}
