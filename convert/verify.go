package convert

import (
	"context"
	"slices"
)

// Comparison is how two models differ.
type Comparison struct {
	A          string       `json:"a"`
	B          string       `json:"b"`
	Same       bool         `json:"same"` // nothing differs but for the rounding of types
	Parameters []string     `json:"parameters,omitempty"`
	Tokenizer  []string     `json:"tokenizer,omitempty"`
	Tensors    []Difference `json:"tensors"`
	Logits     *Logits      `json:"logits,omitempty"`
}

// Verdicts of a Difference.
const (
	Equal     = "equal"
	Rounded   = "rounded"   // as the coarser one of the two types makes it
	Different = "different" // codes, or values beyond what types round
)

// Difference is how one weight differs.
type Difference struct {
	Name    string  `json:"name"`
	TypeA   string  `json:"type_a"`
	TypeB   string  `json:"type_b"`
	Weights int64   `json:"weights"`
	Ternary bool    `json:"ternary"`
	Codes   int64   `json:"codes_that_differ"`
	ScaleA  float32 `json:"scale_a,omitempty"`
	ScaleB  float32 `json:"scale_b,omitempty"`
	Error   float64 `json:"error"` // of the scale, or of all values in relative L2
	Verdict string  `json:"verdict"`
}

// Compare holds two models against each other: hyper-parameters, tokenizers, and every
// weight, ternary ones by their codes and scales.
func Compare(ctx context.Context, a, b *Source, progress func(done, total int64)) (*Comparison, error) {
	c := &Comparison{A: a.Path, B: b.Path, Same: true, Parameters: parameterDifferences(&a.Config.Config, &b.Config.Config)}
	var err error
	if c.Tokenizer, err = tokenizerDifferences(a, b); err != nil {
		return nil, err
	}
	c.Same = len(c.Parameters) == 0 && len(c.Tokenizer) == 0
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

// shapesOf are the shapes of a model's weights by their names.
func shapesOf(s *Source) map[string][]int {
	shapes := map[string][]int{}
	for _, spec := range s.Config.Tensors() {
		shapes[spec.Name] = spec.Shape
	}
	return shapes
}
