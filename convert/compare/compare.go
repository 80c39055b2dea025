// Package compare finds how two models differ: in their hyper-parameters, their tokenizers, every
// weight (ternary weights by their codes and scales), and their logits.
package compare

import (
	"context"
	"slices"

	"trit/convert/source"
)

// Comparison is how two models differ.
type Comparison struct {
	A          string            `json:"a"`
	B          string            `json:"b"`
	Same       bool              `json:"same"` // reports whether nothing differs but by the rounding of types
	Parameters []string          `json:"parameters,omitempty"`
	Tokenizer  []string          `json:"tokenizer,omitempty"`
	Tensors    []Difference      `json:"tensors"`
	Logits     *LogitsDifference `json:"logits,omitempty"` // nil unless the caller sets it, see Logits
}

// Verdict is the result of comparing a weight of two models.
type Verdict string

// Verdicts of a Difference.
const (
	Equal     Verdict = "equal"
	Rounded   Verdict = "rounded"   // equal up to the rounding of the two types
	Different Verdict = "different" // in codes, or in values by more than the types round
)

// Difference is how one weight differs.
type Difference struct {
	Name    string  `json:"name"`
	TypeA   string  `json:"type_a"`
	TypeB   string  `json:"type_b"`
	Weights int64   `json:"weights"`
	Ternary bool    `json:"ternary"`
	Codes   int64   `json:"codes_that_differ"` // their number
	ScaleA  float32 `json:"scale_a,omitempty"`
	ScaleB  float32 `json:"scale_b,omitempty"`
	Error   float64 `json:"error"` // relative: of the scales, or of all values in L2
	Verdict Verdict `json:"verdict"`
}

// Models compares two models by reading all of their weights. Weights in rotated bases that are not the
// same are compared as they are without, since such models compute the same. It calls progress, which may be
// nil, with the number of weights that are compared so far and the number of all.
func Models(ctx context.Context, a, b *source.Model, progress func(done, total int64)) (*Comparison, error) {
	if a.Config.ProjBias != b.Config.ProjBias {
		a, b = a.Folded(), b.Folded()
	}
	c := &Comparison{A: a.Path, B: b.Path, Parameters: parameterDifferences(&a.Config.Config, &b.Config.Config)}
	var err error
	if c.Tokenizer, err = tokenizerDifferences(a, b); err != nil {
		return nil, err
	}
	c.Same = len(c.Parameters) == 0 && len(c.Tokenizer) == 0
	if !a.Config.Basis.Equal(b.Config.Basis) {
		a, b = a.Unrotated(), b.Unrotated()
	}
	done, total, shapes := int64(0), int64(a.Config.Parameters()), shapesOf(b)
	for _, spec := range a.Config.Tensors() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !slices.Equal(shapes[spec.Name], spec.Shape) {
			c.Same = false
			continue
		}
		d, err := compareTensor(a, b, spec)
		if err != nil {
			return nil, err
		}
		c.Tensors = append(c.Tensors, d)
		c.Same = c.Same && d.Verdict != Different
		if done += d.Weights; progress != nil {
			progress(done, total)
		}
	}
	return c, nil
}

// shapesOf returns the shapes of a model's weights, by name.
func shapesOf(m *source.Model) map[string][]int {
	shapes := map[string][]int{}
	for _, spec := range m.Config.Tensors() {
		shapes[spec.Name] = spec.Shape
	}
	return shapes
}
