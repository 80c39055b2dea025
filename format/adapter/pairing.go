package adapter

import (
	"fmt"

	"trit/model"
)

// pairing joins the two matrices of each weight, which stand in a file in any order.
type pairing struct {
	a     *Adapter
	specs map[string]model.TensorSpec
}

// add takes a matrix of a weight: A [Rank,In], or the second one, B [Out,Rank].
func (j *pairing) add(name string, shape []int, data []float32, second bool) error {
	if _, ok := j.specs[name]; !ok {
		return j.a.other("there is a matrix for %s, which is no projection of the model's blocks", name)
	}
	if len(shape) != 2 {
		return &FormatError{"tensor " + name, fmt.Sprintf("a matrix has shape %v: want two dimensions", shape)}
	}
	p, rank := j.a.Pairs[name], shape[0]
	if second {
		p.Out, p.B, rank = shape[0], data, shape[1]
	} else {
		p.In, p.A = shape[1], data
	}
	if p.Rank != 0 && p.Rank != rank {
		return &FormatError{"tensor " + name, fmt.Sprintf("its two matrices have ranks %d and %d", p.Rank, rank)}
	}
	p.Rank = rank
	j.a.Pairs[name] = p
	return nil
}

// finish tests that each weight has both matrices, and that they fit the model.
func (j *pairing) finish() error {
	if len(j.a.Pairs) == 0 {
		return &FormatError{"tensors", "the adapter has no matrices"}
	}
	for _, name := range j.a.Names() {
		p := j.a.Pairs[name]
		if p.A == nil || p.B == nil {
			return &FormatError{"tensor " + name, "one of its two matrices is missing: fetch the adapter again"}
		}
		if err := j.a.checkPair(name, j.specs[name].Shape); err != nil {
			return err
		}
	}
	return nil
}
