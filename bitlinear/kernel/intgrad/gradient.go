package intgrad

import (
	"fmt"
	"math"
)

// Gradient is the gradient dy [M,N] of the output of a layer: of tokens by the rows of all weights that read the same
// input. Its zero value is ready for one layer after the other.
type Gradient struct {
	layer   Layer
	n       int
	key     uint32
	left    panels    // the rows, each weight from a whole step on
	firsts  []int     // step of each weight
	units   []float32 // [M], what one of a row's integers is worth
	inverse []float32 // [M], of the activations' scales, and zeros up to a whole step
	maxima  maxima    // of the columns
	columns columns
}

// Layer is what the products need to know of a layer.
type Layer struct {
	Rows        []int     // N of each weight
	Weights     []float32 // their scales
	Activations []float32 // [M], scales of the int8 activations
	Key         uint64    // of the random numbers, different for all gradients of a run
}

// Begin prepares for the gradient of a layer's output, whose rows are then to be set.
func (g *Gradient) Begin(layer Layer) {
	m := len(layer.Activations)
	if m < 1 || m > MaxTokens || len(layer.Rows) != len(layer.Weights) {
		panic(fmt.Sprintf("intgrad: a gradient of %d tokens by %d weights of %d scales: want from 1 to %d tokens",
			m, len(layer.Rows), len(layer.Weights), MaxTokens))
	}
	g.layer, g.n, g.firsts = layer, 0, g.firsts[:0]
	g.key = mix32(uint32(layer.Key>>32)) ^ uint32(layer.Key)
	steps := 0
	for _, n := range layer.Rows {
		g.firsts = append(g.firsts, steps)
		g.n, steps = g.n+n, steps+ceil(n, stepCols)
	}
	g.left.reset(m, steps)
	g.units, g.inverse = resize(g.units, m), resize(g.inverse, ceil(m, stepCols)*stepCols)
	for t, s := range layer.Activations {
		g.inverse[t] = 1 / s
	}
	clear(g.inverse[m:])
	g.maxima.reset(g.n)
}

// SetRow takes row t, dy [N]. Different rows may be set at the same time.
func (g *Gradient) SetRow(t int, dy []float32) {
	dy = dy[:g.n]
	factor, unit := scales(g.measure(t, dy))
	g.units[t] = unit
	for i, n := range g.layer.Rows {
		g.round(t, g.firsts[i], dy[:n], factor*g.layer.Weights[i])
		dy = dy[n:]
	}
}

// measure returns the largest |dy| times the scale of its weight, and counts the row in the maxima of the columns.
func (g *Gradient) measure(t int, dy []float32) (size float32) {
	part := g.maxima.take(g.n)
	defer g.maxima.give(part)
	for i, n := range g.layer.Rows {
		top := largestOf(dy[:n], g.inverse[t], part[:n])
		size = max(size, math.Float32frombits(top)*g.layer.Weights[i])
		dy, part = dy[n:], part[n:]
	}
	return size
}

// largestOf is maxima for any number of values.
func largestOf(x []float32, inverse float32, columns []uint32) (top uint32) {
	n := len(x) / blockCols * blockCols
	if n > 0 {
		top = chosen.maxima(n, &x[0], inverse, &columns[0])
	}
	if n < len(x) {
		top = max(top, maximaGeneric(len(x)-n, &x[n], inverse, &columns[n]))
	}
	return top
}

// round writes the part of row t of a weight, which begins with a step.
func (g *Gradient) round(t, step int, x []float32, factor float32) {
	for len(x) > 0 {
		n := min(len(x)/stepCols, chunk-step%chunk)
		if n == 0 {
			var last [stepCols]float32
			copy(last[:], x)
			x, n = last[:], 1
		}
		number := uint32((t*g.left.steps + step) * blockCols)
		chosen.rows(n, &g.left.data[g.left.at(t, step)], panelStep, &x[0], factor, number, g.key, chosen.codes.bias)
		x, step = x[n*stepCols:], step+n
	}
}
