package convert

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"trit/bitlinear/kernel"
	"trit/internal/report"
	"trit/model"
	"trit/tokenizer"
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

// parameterDifferences compares the hyper-parameters, in the precision of GGUF's metadata.
// How weights were rounded to get the codes (sign) is not a property of the codes.
func parameterDifferences(a, b *model.Config) []string {
	var out []string
	va, vb := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range va.NumField() {
		key, _, _ := strings.Cut(va.Type().Field(i).Tag.Get("json"), ",")
		x, y := va.Field(i).Interface(), vb.Field(i).Interface()
		if f, ok := x.(float64); ok {
			x, y = float32(f), float32(y.(float64))
		}
		if x != y && key != "sign" {
			out = append(out, fmt.Sprintf("%s is %v and %v", key, x, y))
		}
	}
	return out
}

// tokenizerDifferences compares tokenizers where both models have one.
func tokenizerDifferences(a, b *Source) ([]string, error) {
	va, err := a.store.vocab()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	vb, err := b.store.vocab()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Path, err)
	}
	if len(va.Tokens) == 0 || len(vb.Tokens) == 0 {
		return nil, nil
	}
	var out []string
	tokens := min(len(va.Tokens), len(vb.Tokens)) // one may name the unused rows of the embedding
	for id := range tokens {
		if va.Tokens[id] != vb.Tokens[id] {
			out = append(out, fmt.Sprintf("token %d is %q and %q", id, va.Tokens[id], vb.Tokens[id]))
			break
		}
	}
	return append(out, settingDifferences(&va, &vb)...), nil
}

func settingDifferences(a, b *tokenizer.Vocab) (out []string) {
	if a.Model != b.Model || a.Pre != b.Pre {
		out = append(out, fmt.Sprintf("it is of kind %s %s and %s %s", a.Model, a.Pre, b.Model, b.Pre))
	}
	if !slices.Equal(a.Merges, b.Merges) && a.Model != "llama" {
		out = append(out, fmt.Sprintf("the merges differ, %d and %d of them", len(a.Merges), len(b.Merges)))
	}
	for _, id := range []struct {
		name string
		a, b int32
	}{{"bos", a.BOS, b.BOS}, {"eos", a.EOS, b.EOS}} {
		if id.a != id.b && id.a >= 0 && id.b >= 0 {
			out = append(out, fmt.Sprintf("%s is token %d and %d", id.name, id.a, id.b))
		}
	}
	if a.AddBOS != b.AddBOS || a.AddEOS != b.AddEOS {
		out = append(out, fmt.Sprintf("add_bos_token and add_eos_token are %v, %v and %v, %v", a.AddBOS, a.AddEOS, b.AddBOS, b.AddEOS))
	}
	if a.ChatTemplate != b.ChatTemplate {
		out = append(out, "the chat templates differ")
	}
	return out
}

func compareTensor(a, b *Source, spec model.TensorSpec) (Difference, error) {
	ta, err := a.store.open(spec)
	if err != nil {
		return Difference{}, fmt.Errorf("%s: %w", a.Path, err)
	}
	tb, err := b.store.open(spec)
	if err != nil {
		return Difference{}, fmt.Errorf("%s: %w", b.Path, err)
	}
	d := Difference{Name: spec.Name, TypeA: ta.dtype, TypeB: tb.dtype, Weights: int64(ta.rows * ta.k), Ternary: ta.ternary() && tb.ternary()}
	if d.Ternary {
		err = d.compareCodes(ta, tb)
	} else {
		err = d.compareValues(ta, tb)
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return d, nil
}

func (d *Difference) compareCodes(a, b *tensor) error {
	d.ScaleA, d.ScaleB = a.scale, b.scale
	d.Error = math.Abs(float64(a.scale)-float64(b.scale)) / float64(a.scale)
	rows, nonzero := make([]int64, a.rows), make([]int64, a.rows)
	err := onAllThreads(a.rows, a.k, func(lo, hi int) error {
		x, y := make([]byte, a.k), make([]byte, a.k)
		for i := lo; i < hi; i++ {
			row := quartered(i, a.rows)
			if err := a.codes(x, row); err != nil {
				return err
			}
			if err := b.codes(y, row); err != nil {
				return err
			}
			if !bytes.Equal(x, y) {
				rows[row] = unequal(x, y)
			}
			if d.Error > 0 {
				nonzero[row] = int64(a.k) - countZeros(x)
			}
		}
		return nil
	})
	a.release(0, a.rows)
	b.release(0, b.rows)
	weights := int64(0)
	for row, n := range rows {
		d.Codes += n
		weights += nonzero[row]
	}
	if weights == 0 { // any scale of zeros is right
		d.Error = 0
	}
	d.judge(scaleTolerance(a.dtype, b.dtype))
	return err
}

// quartered is a row in the order in which those follow each other that packed folders have
// in the same bytes: a row of each quarter.
func quartered(i, rows int) int {
	if rows%4 != 0 {
		return i
	}
	return i%4*(rows/4) + i/4
}

func unequal(x, y []byte) (n int64) {
	for i := range x {
		if x[i] != y[i] {
			n++
		}
	}
	return n
}

func (d *Difference) compareValues(a, b *tensor) error {
	type sum struct{ error, a, b float64 }
	rows := make([]sum, a.rows)
	err := eachRows([]*tensor{a, b}, func(lo, hi int) error {
		x, y, codes := make([]float32, a.k), make([]float32, a.k), make([]byte, a.k)
		for row := lo; row < hi; row++ {
			if err := a.values(x, codes, row); err != nil {
				return err
			}
			if err := b.values(y, codes, row); err != nil {
				return err
			}
			s := &rows[row]
			s.a, s.b = kernel.SumSquares(x), kernel.SumSquares(y)
			kernel.Axpy(-1, x, y)
			s.error = kernel.SumSquares(y)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var total sum
	for _, r := range rows {
		total.error += r.error
		total.a += r.a
		total.b += r.b
	}
	if !(total.a+total.b < math.Inf(1)) {
		return errNotFinite
	}
	if total.error != 0 { // zeros beside other values have an error of 1
		d.Error = math.Sqrt(total.error / cmp.Or(total.a, total.b))
	}
	d.judge(tolerance(a.dtype, b.dtype))
	return nil
}

func (d *Difference) judge(tolerance float64) {
	switch {
	case d.Codes == 0 && d.Error == 0:
		d.Verdict = Equal
	case d.Codes == 0 && d.Error <= tolerance:
		d.Verdict = Rounded
	default:
		d.Verdict = Different
	}
}

// precision bounds the relative L2 error that a type makes. Floating-point types round to
// nearest; block types are bounded for weights that are spread about as trained ones are.
var precision = map[string]float64{
	"F16": 1.0 / (1 << 11), "BF16": 1.0 / (1 << 8), "Q8_0": 0.02, "Q6_K": 0.05, "Q4_0": 0.2,
	"U8": 1e-6, "I2_S": 1e-6, "TQ1_0": 1.0 / (1 << 10), "TQ2_0": 1.0 / (1 << 10),
}

// tolerance is how far weights of two types may lie apart.
func tolerance(a, b string) float64 {
	if a == b && (a == "F32" || a == "F16" || a == "BF16" || a == "F64") {
		return 0
	}
	return precision[a] + precision[b]
}

// scaleTolerance is how far the scales of equal codes may lie apart: as far as half
// precision rounds in TQ1_0 and TQ2_0, else as far as masters that were rounded move their mean.
func scaleTolerance(a, b string) float64 {
	if strings.HasPrefix(a, "TQ") || strings.HasPrefix(b, "TQ") {
		return precision["TQ2_0"]
	}
	return 1e-4
}

// Summary is the comparison in a line.
func (c *Comparison) Summary() string {
	var t totals
	for _, d := range c.Tensors {
		t.add(&d)
	}
	return strings.Join(slices.Concat(t.lines(), c.Parameters, c.Tokenizer), "; ")
}

// totals are the sums of a comparison.
type totals struct {
	codes, unequalCodes   int64
	scales, unequalScales int
	others                int64
	scaleError, error     float64 // the largest
	tensors, beyond       int     // all, and those that are different
}

func (t *totals) add(d *Difference) {
	t.tensors++
	if d.Verdict == Different {
		t.beyond++
	}
	if !d.Ternary {
		t.others += d.Weights
		t.error = max(t.error, d.Error)
		return
	}
	t.codes += d.Weights
	t.unequalCodes += d.Codes
	t.scales++
	if d.ScaleA != d.ScaleB {
		t.unequalScales++
		t.scaleError = max(t.scaleError, d.Error)
	}
}

func (t *totals) lines() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case t.codes == 0:
	case t.unequalCodes > 0:
		say("the codes of %d of %d ternary weights differ", t.unequalCodes, t.codes)
	default:
		say("the codes of all %d ternary weights are equal", t.codes)
	}
	switch {
	case t.scales == 0:
	case t.unequalScales > 0:
		say("%d of %d scales differ, by up to %.2g (relative)", t.unequalScales, t.scales, t.scaleError)
	default:
		say("all %d scales are equal", t.scales)
	}
	switch {
	case t.others == 0:
	case t.error > 0:
		say("%d other weights differ by up to %.2g (relative)", t.others, t.error)
	default:
		say("%d other weights are equal", t.others)
	}
	if t.beyond > 0 {
		say("%d of %d tensors differ by more than their types round", t.beyond, t.tensors)
	}
	return out
}

// Table lists the weights that differ, or with all every weight.
func (c *Comparison) Table(all bool) report.Table {
	t := report.Table{Head: []string{"tensor", "types", "weights", "codes that differ", "scales", "relative error", "verdict"}}
	for _, d := range c.Tensors {
		if !all && d.Verdict == Equal {
			continue
		}
		codes, scales := "", ""
		if d.Ternary {
			codes, scales = fmt.Sprint(d.Codes), fmt.Sprintf("%.7g %.7g", d.ScaleA, d.ScaleB)
		}
		t.Rows = append(t.Rows, []string{d.Name, d.TypeA + " " + d.TypeB, fmt.Sprint(d.Weights), codes, scales, fmt.Sprintf("%.2g", d.Error), d.Verdict})
	}
	return t
}
