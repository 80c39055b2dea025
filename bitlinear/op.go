// Package bitlinear holds the BitLinear layer, with the straight-through estimator, as
// an operation of a Gorgonia graph, and the fused operation that it is made of.
package bitlinear

import (
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"
	"time"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"trit/bitlinear/kernel/memory"
)

// Func is a fused operation: functions on the raw values of its inputs, row-major
// float32. A Func belongs to one node of one graph, since it may keep values from
// the forward pass for the backward pass.
type Func struct {
	Name  string
	Shape []int // of the output; nil for a scalar
	// Forward fills out from the inputs.
	Forward func(in [][]float32, out []float32)
	// Backward fills the gradients of the inputs from the gradient of the output. It
	// runs after Forward in every step. nil: the operation has no gradient.
	Backward func(in [][]float32, grad []float32, grads [][]float32)
	// Grads are buffers for the gradients of the inputs: nil, or one for each input. A buffer is
	// as large as the input, or nil: then Apply makes one.
	Grads [][]float32
}

// Inside counts the nanoseconds spent in fused operations. The rest of a step's time is spent in
// Gorgonia itself.
var Inside atomic.Int64

// uniqueID keeps Gorgonia from merging operations that it takes for equal.
var uniqueID atomic.Uint32

// Apply enters f into the graph of its inputs.
func Apply(f Func, inputs ...*G.Node) (*G.Node, error) {
	if f.Shape == nil {
		op := &scalarOp{base{f.Name, uniqueID.Add(1), fnType(tensor.Float32, inputs), nil, len(inputs)}, &f}
		n, err := G.ApplyOp(op, inputs...)
		return n, wrap(f.Name, err)
	}
	b := base{f.Name, uniqueID.Add(1), fnType(tensorType(f.Shape), inputs), f.Shape, len(inputs)}
	op := &forwardOp{b, &f, newBuffer(f.Shape, nil)}
	n, err := G.ApplyOp(op, inputs...)
	return n, wrap(f.Name, err)
}

func wrap(name string, err error) error {
	if err != nil {
		return fmt.Errorf("operation %s: %w", name, err)
	}
	return nil
}

func tensorType(shape []int) hm.Type { return G.TensorType{Dims: len(shape), Of: tensor.Float32} }

func fnType(result hm.Type, inputs []*G.Node) hm.Type {
	types := make([]hm.Type, 0, len(inputs)+1)
	for _, n := range inputs {
		types = append(types, n.Type())
	}
	return hm.NewFnType(append(types, result)...)
}

// newBuffer makes a tensor over a buffer, or over new memory for nil.
func newBuffer(shape []int, buffer []float32) *tensor.Dense {
	if buffer == nil {
		buffer = memory.Make[float32](tensor.Shape(shape).TotalSize())
	}
	return tensor.New(tensor.WithBacking(buffer), tensor.WithShape(shape...))
}

// gradBuffer is the buffer that the operation wants for the gradient of input i, or nil.
func (f *Func) gradBuffer(i int) []float32 {
	if f.Grads == nil {
		return nil
	}
	return f.Grads[i]
}

// base has the methods that all our operations share.
type base struct {
	name  string
	id    uint32
	typ   hm.Type
	shape tensor.Shape
	arity int
}

func (b *base) Type() hm.Type                                  { return b.typ }
func (b *base) InferShape(...G.DimSizer) (tensor.Shape, error) { return b.shape.Clone(), nil }
func (b *base) ReturnsPtr() bool                               { return true }
func (b *base) CallsExtern() bool                              { return false }
func (b *base) OverwritesInput() int                           { return -1 }
func (b *base) String() string                                 { return b.name }
func (b *base) WriteHash(h hash.Hash)                          { fmt.Fprintf(h, "%s#%d", b.name, b.id) }
func (b *base) Hashcode() uint32 {
	h := fnv.New32a()
	b.WriteHash(h)
	return h.Sum32()
}

func (b *base) Arity() int { return b.arity }

// maxOperands is the largest number of operands of an operation that needs no allocation in each
// step.
const maxOperands = 16

// raw are the values of operands.
func raw(dst [][]float32, values []G.Value) [][]float32 {
	dst = dst[:0]
	for _, v := range values {
		if t, ok := v.(*tensor.Dense); ok {
			dst = append(dst, t.Data().([]float32))
		} else {
			dst = append(dst, nil) // a scalar gradient, which is 1
		}
	}
	return dst
}

// forwardOp runs Forward into a buffer of its own.
type forwardOp struct {
	base
	f   *Func
	out *tensor.Dense
}

func (op *forwardOp) Do(values ...G.Value) (G.Value, error) {
	start := time.Now()
	var operands [maxOperands][]float32
	op.f.Forward(raw(operands[:], values), op.out.Data().([]float32))
	Inside.Add(int64(time.Since(start)))
	return op.out, nil
}

func (op *forwardOp) DiffWRT(inputs int) []bool { return diffAll(op.f, inputs) }

func (op *forwardOp) SymDiff(inputs G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	return backward(op.f, inputs, grad)
}

// scalarOp is forwardOp for a loss.
type scalarOp struct {
	base
	f *Func
}

func (op *scalarOp) Do(values ...G.Value) (G.Value, error) {
	start := time.Now()
	var operands [maxOperands][]float32
	var out [1]float32
	op.f.Forward(raw(operands[:], values), out[:])
	Inside.Add(int64(time.Since(start)))
	return G.NewF32(out[0]), nil
}

func (op *scalarOp) DiffWRT(inputs int) []bool { return diffAll(op.f, inputs) }

func (op *scalarOp) SymDiff(inputs G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	return backward(op.f, inputs, grad)
}

func diffAll(f *Func, inputs int) []bool {
	d := make([]bool, inputs)
	for i := range d {
		d[i] = f.Backward != nil
	}
	return d
}

// backward enters the operation that computes the gradients of all inputs. An
// operation has one result, so it gives the first, and picks give the others.
func backward(f *Func, inputs G.Nodes, grad *G.Node) (G.Nodes, error) {
	op := &backwardOp{f: f}
	op.base = base{name: f.Name + ".grad", id: uniqueID.Add(1), shape: inputs[0].Shape(), arity: len(inputs) + 1}
	for i, n := range inputs {
		grad := newBuffer(n.Shape(), f.gradBuffer(i))
		op.grads, op.values = append(op.grads, grad), append(op.values, grad.Data().([]float32))
	}
	children := append(append(G.Nodes{}, inputs...), grad)
	op.typ = fnType(inputs[0].Type(), children)
	first, err := G.ApplyOp(op, children...)
	if err != nil {
		return nil, wrap(op.name, err)
	}
	out := G.Nodes{first}
	for i, n := range inputs[1:] {
		pick := &pickOp{base{op.name, uniqueID.Add(1), hm.NewFnType(first.Type(), n.Type()), n.Shape(), 1}, op.grads[i+1]}
		p, err := G.ApplyOp(pick, first)
		if err != nil {
			return nil, wrap(op.name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// backwardOp computes the gradients of all inputs and returns the gradient of the first. Its
// operands are the inputs and the gradient of the output.
type backwardOp struct {
	base
	f      *Func
	grads  []*tensor.Dense
	values [][]float32
}

func (op *backwardOp) Do(values ...G.Value) (G.Value, error) {
	start := time.Now()
	var operands [maxOperands][]float32
	in := raw(operands[:], values)
	last := len(in) - 1
	op.f.Backward(in[:last], in[last], op.values)
	Inside.Add(int64(time.Since(start)))
	return op.grads[0], nil
}

// pickOp returns a gradient that its child has computed.
type pickOp struct {
	base
	value *tensor.Dense
}

func (op *pickOp) Do(...G.Value) (G.Value, error) { return op.value, nil }
