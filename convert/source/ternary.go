package source

import (
	"fmt"
	"math"
	"sync"

	"trit/setting"
)

// floats makes ternary weights of floating-point ones. It keeps the sums of a weight, since a
// weight is opened several times: to be written, and to be compared.
type floats struct {
	weights Weights // what Options or the files say of them
	rule    rule
	mu      sync.Mutex
	known   map[string]sums
}

func (f *floats) sums(name string, t *Tensor) (sums, error) {
	f.mu.Lock()
	s, ok := f.known[name]
	f.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := sumsOf(t)
	if err != nil {
		return s, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[string]sums{}
	}
	f.known[name] = s
	return s, nil
}

// ternary makes a ternary weight of t: it takes the weights as they are if f.weights says that
// they are ternary, else it quantises them.
func (f *floats) ternary(name string, t *Tensor) (*Tensor, error) {
	s, err := f.sums(name, t)
	if err != nil {
		return nil, err
	}
	weights := f.weights
	switch {
	case s.largest == 0: // all zeros, which are the same either way
	case weights == WeightsTernary && s.oneMagnitude():
		return dequantised(t, float32(s.largest)), nil
	case weights == WeightsTernary:
		return nil, setting.Needs(weightsField,
			fmt.Sprintf("it holds weights of different sizes, %g to %g", s.smallest, s.largest),
			fmt.Sprintf("these are not quantised; set {%s} %s if they are master weights", weightsField, WeightsMasters))
	case s.oneMagnitude() && weights == "" && !f.rule.sign:
		return nil, setting.Needs(weightsField,
			fmt.Sprintf("all its weights are 0 or of size %g", s.largest),
			fmt.Sprintf("they seem to be quantised already, and their absmean is not their scale; "+
				"{%[1]s} %[2]s takes them as they are, {%[1]s} %[3]s quantises them by their absmean",
				weightsField, WeightsTernary, WeightsMasters))
	}
	out := quantised(t, s, f.rule)
	if weights != WeightsTernary {
		out.masters = t
	}
	return out, nil
}

// coded is a tensor with the rows and the memory of t and another scale. The caller sets how its
// codes, or values, are made.
func (t *Tensor) coded(scale float32) *Tensor {
	return &Tensor{DType: t.DType, Rows: t.Rows, Columns: t.Columns, Scale: scale, release: t.release, pool: t.pool}
}

// dequantised reads weights that are 0, scale or -scale as codes.
func dequantised(t *Tensor, scale float32) *Tensor {
	out := t.coded(scale)
	out.codes = t.codesBy(func(w float32) byte {
		negative := math.Float32bits(w) >> 31
		nonzero := byte(0)
		if w != 0 {
			nonzero = 1
		}
		return 1 + nonzero - 2*(nonzero&byte(negative))
	})
	return out
}
