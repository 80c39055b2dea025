package ranks

import (
	"fmt"

	"trit/bitlinear/kernel/vector"
)

// gradient is the gradient of one weight on this rank.
type gradient struct {
	name   string
	values []float32
}

// Begin starts the ReduceScatter of the gradients of a step.
func (e *Exchange) Begin() {
	e.gradients = map[string][]float32{}
	e.arrived, e.reduced = make(chan gradient, len(e.weights)), make(chan error, 1)
	go func(arrived <-chan gradient, reduced chan<- error) {
		err := e.reduce(arrived)
		for range arrived { // after an error Add must not block
		}
		reduced <- err
	}(e.arrived, e.reduced)
}

// Add hands over the gradient of a weight, which is final on this rank. It does not wait:
// the values are read while the backward pass goes on, until Wait returns. With one rank
// they are the Sums themselves.
func (e *Exchange) Add(name string, values []float32) { e.arrived <- gradient{name, values} }

// Wait ends the step when the gradients of all weights have been summed. Sums may be read until
// the next Begin. It is an error if Add was not called for a weight.
func (e *Exchange) Wait() error {
	close(e.arrived)
	return <-e.reduced
}

// Drop ends a step whose backward pass failed, in place of Wait. The exchange cannot be used
// afterwards: the other ranks are in the middle of that step.
func (e *Exchange) Drop() { close(e.arrived) }

// Sums is the gradient of a piece that this rank owns, summed over the ranks in their
// order. The caller may write to it until the next Begin.
func (e *Exchange) Sums(p Piece) []float32 {
	if e.comm.Size() == 1 {
		return e.gradients[p.Name][p.Lo:p.Hi]
	}
	return e.sums[p.sum:][:p.Hi-p.Lo]
}

// reduce does bucket after bucket, in the same order on all ranks, each as soon as its
// gradients have arrived.
func (e *Exchange) reduce(arrived <-chan gradient) error {
	done := 0
	for _, b := range e.buckets {
		for _, p := range b.pieces {
			if err := e.await(p.Name, arrived); err != nil {
				return err
			}
		}
		if e.comm.Size() == 1 {
			continue
		}
		if err := e.reduceScatter(b, e.sums[done:][:b.part]); err != nil {
			return err
		}
		done += b.part
	}
	return nil
}

// await receives gradients until the one of the named weight has arrived.
func (e *Exchange) await(name string, arrived <-chan gradient) error {
	for e.gradients[name] == nil {
		g, more := <-arrived
		if !more {
			return fmt.Errorf("the backward pass ended without the gradient of %s", name)
		}
		if n, known := e.lengths[g.name]; !known || n != len(g.values) || e.gradients[g.name] != nil {
			return fmt.Errorf("gradient of %s with %d values: want one for each weight, this has %d", g.name, len(g.values), n)
		}
		e.gradients[g.name] = g.values
	}
	return nil
}

// reduceScatter sends each rank its part of the bucket and adds up what arrives for this
// rank. Axpy by one rounds once, so its sums are plain sums.
func (e *Exchange) reduceScatter(b bucket, sum []float32) error {
	n := b.part * e.comm.Size()
	for _, p := range b.pieces {
		copy(e.send[p.at:], e.gradients[p.Name][p.Lo:p.Hi])
	}
	if err := e.comm.AllToAll(view(e.recv[:n]), view(e.send[:n])); err != nil {
		return err
	}
	copy(sum, e.recv)
	for r := 1; r < e.comm.Size(); r++ {
		vector.Axpy(1, e.recv[r*b.part:][:b.part], sum)
	}
	return nil
}
