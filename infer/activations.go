package infer

import (
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
	"trit/model"
)

// activations are the input of the next products, [m,K]. A row is made when a product needs
// it, as floats or quantized to int8, while the values that it is made of are still in the
// processor's cache. A loop of its own over all rows of a prompt would go through memory.
type activations struct {
	k      int
	int4   bool                       // rows for ternary weights are rounded to 4 bits
	row    func(dst []float32, t int) // makes row t, in no basis
	basis  *vector.Basis              // that the rows are turned into
	x      []float32                  // [m,K], valid if have.x
	q      []int8                     // [m,K], valid if have.q
	scale  []float32                  // [m], of q: x is about q divided by scale
	factor [3][]float32               // by weight, [m]: turns the int32 products of a row into floats
	// groups are x too, rounded to int8 with a factor for each quant.ActivationGroup columns, valid if
	// have.groups.
	groups      []int8    // [m,K]
	groupFactor []float32 // [ceil(K/quant.ActivationGroup)][m]: x is about groups times it
	have        struct{ x, q, groups bool }
}

// fromRows is an input whose rows x, [m,K], exist already.
func fromRows(x []float32, k int) *activations {
	a := &activations{k: k, x: x}
	a.have.x = true
	return a
}

// begin starts the next input, whose rows have k values and are made by row.
func (a *activations) begin(k int, row func(dst []float32, t int)) {
	a.k, a.row, a.basis = k, row, nil
	a.have = struct{ x, q, groups bool }{}
}

// turn makes the rows those for weights in another basis.
func (a *activations) turn(to *vector.Basis) {
	if a.basis != to {
		a.begin(a.k, a.row)
		a.basis = to
	}
}

// make makes row t.
func (a *activations) make(dst []float32, t int) {
	a.row(dst, t)
	a.basis.Into(dst)
}

// floats makes x of m rows.
func (a *activations) floats(pool *parallel.Pool, m int) []float32 {
	if !a.have.x {
		a.x = grow(a.x, m*a.k)
		rows(pool, m, a.k, func(t int) { a.make(a.x[t*a.k:][:a.k], t) })
		a.have.x = true
	}
	return a.x
}

// quantize makes q and scale of m rows.
func (a *activations) quantize(pool *parallel.Pool, m int) {
	if a.have.q {
		return
	}
	a.q, a.scale = grow(a.q, m*a.k), grow(a.scale, m)
	round := vector.QuantizeActivations
	if a.int4 {
		round = vector.QuantizeActivations4
	}
	a.eachRow(pool, m, func(t int, x []float32) { a.scale[t] = round(a.q[t*a.k:][:a.k], x) })
	a.have.q = true
}

// quantizeGroups makes groups and groupFactor of m rows.
func (a *activations) quantizeGroups(pool *parallel.Pool, m int) {
	if a.have.groups {
		return
	}
	const size = quant.ActivationGroup
	a.groups, a.groupFactor = grow(a.groups, m*a.k), grow(a.groupFactor, (a.k+size-1)/size*m)
	a.eachRow(pool, m, func(t int, x []float32) {
		vector.QuantizeActivationGroups(a.groups[t*a.k:][:a.k], a.groupFactor[t:], m, x)
	})
	a.have.groups = true
}

// eachRow gives each of m rows to a function that rounds it.
func (a *activations) eachRow(pool *parallel.Pool, m int, round func(t int, x []float32)) {
	rows(pool, m, a.k, func(t int) {
		if a.have.x {
			round(t, a.x[t*a.k:][:a.k])
			return
		}
		buffer := floats.Get().(*[]float32)
		defer floats.Put(buffer)
		*buffer = grow(*buffer, a.k)
		a.make((*buffer)[:a.k], t)
		round(t, (*buffer)[:a.k])
	})
}

// factors is memory for the factors of m rows by weight i.
func (a *activations) factors(i, m int) []float32 {
	a.factor[i] = grow(a.factor[i], m)
	return a.factor[i]
}

// rows runs body on each of m rows of n values. It uses several threads of the pool if each
// of them gets enough values.
func rows(pool *parallel.Pool, m, n int, body func(t int)) {
	pool.For(m, max(1, 1<<15/n), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			body(t)
		}
	})
}

// floats keeps working memory from call to call. Fresh memory in each call would cost a
// tenth of a prompt's time.
var floats = sync.Pool{New: func() any { return new([]float32) }}

// bases are those of a model's weights.
type bases struct {
	made   map[basisKey]*vector.Basis
	inputs map[matrix]*vector.Basis // of weights in one; nil if there are none
	table  *vector.Basis            // of the rows of the embedding
	head   *vector.Basis            // of the input of the head
}

// basisKey is what tells the bases of a model from each other.
type basisKey struct {
	width   int
	swapped [2]int // vector.Basis.Swapped
}

// of is the basis of a weight with inputs or rows of a width. Weights of one basis share it: an input is
// turned once for all of them.
func (s *bases) of(c *model.Config, name string, width int) *vector.Basis {
	if s.made == nil {
		s.made = map[basisKey]*vector.Basis{}
	}
	b, key := c.Basis, basisKey{width, c.Regrouped(name)}
	if s.made[key] == nil {
		s.made[key] = &vector.Basis{Signs: b.Signs[width], Block: b.Block, Swapped: key.swapped}
	}
	return s.made[key]
}

// enter notes the basis of a weight with inputs of a width.
func (s *bases) enter(c *model.Config, name string, w matrix, width int) {
	if c.Basis == nil || !c.Basis.Inputs[name] {
		return
	}
	if s.inputs == nil {
		s.inputs = map[matrix]*vector.Basis{}
	}
	s.inputs[w] = s.of(c, name, width)
}
