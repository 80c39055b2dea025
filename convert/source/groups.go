package source

import (
	"fmt"

	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/model"
	"trit/setting"
)

// readGroups makes the model of a run whose weights are rounded with a scale a group the model in full
// precision that these make: the types with a scale a group hold it, and the engine computes it.
func (f *folder) readGroups(m *Model, weights Weights) error {
	if weights == WeightsTernary {
		return setting.Needs(weightsField,
			fmt.Sprintf("config.json says %s, and that the weights are masters", f.Config.ScaleWords()),
			fmt.Sprintf("{%s} %s is for weights of one size a tensor; leave it out", weightsField, WeightsTernary))
	}
	trained := f.Config.Config
	m.Trained, f.trained = &trained, &trained
	f.Config.Config = trained.Values()
	m.Form = f.Family.Title + ", master weights with " + trained.ScaleWords()
	return nil
}

// rounds reports whether a weight of a run is rounded with a scale a group.
func (f *folder) rounds(spec model.TensorSpec) bool {
	return f.trained != nil && len(spec.Shape) == 2 && (spec.Layer >= 0 || f.trained.TernaryEmbedding)
}

// grouped is what the master weights t are rounded to, as numbers.
func (f *folder) grouped(name string, t *Tensor) (*Tensor, error) {
	c := f.trained
	out := t.coded(0)
	out.DType = t.DType
	if group := c.WeightScale.Group(); group != quant.WholeTensor {
		out.floats = func(dst []float32, row int) error {
			if err := t.floats(dst, row); err != nil {
				return err
			}
			vector.GroupValues(dst, dst, group, c.Sign)
			return nil
		}
		return out, nil
	}
	s, err := f.floats.sums(name, t)
	if err != nil {
		return nil, err
	}
	whole := quantised(t, s, rule{sign: c.Sign, half: true})
	out.floats = func(dst []float32, row int) error {
		return whole.Values(dst, make([]byte, t.Columns), row)
	}
	return out, nil
}
