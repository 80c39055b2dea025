package ggufmeta

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"trit/format/gguf"
	"trit/model"
	"trit/setting"
)

// basisPrefix begins PrismML's keys of a rotated basis (model.Basis).
const basisPrefix = "prism.hadamard."

// The only values of keys that say which transform it is, of what, and how its signs are given.
const (
	basisVersion   = 1
	basisTransform = "normalized-sylvester-walsh-hadamard"
	basisAxis      = "input-last-dimension"
	signsExplicit  = "explicit"
	signsIdentity  = "identity"
)

// maxBasisBlock is far above the block of any model.
const maxBasisBlock = 1 << 16

// basisKeys are the keys that are known. Those of signs belong to explicit ones, and gdn_v_grouped to
// models with gated delta-net layers; all others must be there.
var basisKeys = []string{"version", "block_size", "transform", "axis", "sign_mode", "sign_widths", "sign_values",
	"weight_names", "inverse_weight_names", "gdn_v_grouped"}

// writeBasis enters the keys of a basis, if the model is in one or was trained in one.
func writeBasis(m *gguf.Metadata, c *model.Config) {
	b := cmp.Or(c.Basis, c.TrainedBasis())
	if b == nil {
		return
	}
	set := func(key string, v any) { m.Set(basisPrefix+key, v) }
	set("version", uint32(basisVersion))
	set("block_size", uint32(b.Block))
	set("transform", basisTransform)
	set("axis", basisAxis)
	set("sign_mode", signsIdentity)
	if b.Signs != nil {
		set("sign_mode", signsExplicit)
		var widths []uint32
		var values []int8
		for _, width := range slices.Sorted(maps.Keys(b.Signs)) {
			widths = append(widths, uint32(width))
			for _, s := range b.Signs[width] {
				values = append(values, int8(s))
			}
		}
		set("sign_widths", widths)
		set("sign_values", values)
	}
	set("weight_names", namesIn(c, b.Inputs))
	set("inverse_weight_names", namesIn(c, b.Tables))
	set("gdn_v_grouped", b.Grouped)
}

// namesIn lists names in the order of the model's tensors.
func namesIn(c *model.Config, of map[string]bool) []string {
	names := []string{}
	for _, spec := range c.Tensors() {
		if of[spec.GGUF] {
			names = append(names, spec.GGUF)
		}
	}
	return names
}

// basisReader reads the keys of a basis and keeps the first error.
type basisReader struct {
	m   *gguf.Metadata
	err error
}

func (r *basisReader) fail(key, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("the key %s%s %s", basisPrefix, key, fmt.Sprintf(format, args...))
	}
}

// get looks up a key that must be there.
func (r *basisReader) get(key string) any {
	v, ok := r.m.Get(basisPrefix + key)
	if !ok {
		r.fail(key, "is missing, and others of a rotated basis are there: without it the weights cannot be turned; "+
			"convert the model again from the file that has it")
	}
	return v
}

// readBasis reads the rotated basis of a model whose shape is known. Only what is computed exactly is
// read: weights in a basis that is not undone give fluent nonsense.
func readBasis(m *gguf.Metadata, c *model.Config) error {
	r := &basisReader{m: m}
	if !r.present() {
		return r.err
	}
	r.word("transform", basisTransform)
	r.word("axis", basisAxis)
	if v := r.get("version"); !isWhole(v, basisVersion) {
		r.fail("version", "is %v: %d alone is known", v, basisVersion)
	}
	b := &model.Basis{Block: r.block(), Signs: r.signs()}
	b.Inputs, b.Tables = r.names("weight_names"), r.names("inverse_weight_names")
	b.Grouped = r.grouped(c)
	if r.err == nil {
		r.check(b, c)
	}
	c.Basis = b
	return r.err
}

// grouped reads whether value heads are put into grouped order, which a file may leave out.
func (r *basisReader) grouped(c *model.Config) bool {
	v, ok := r.m.Get(basisPrefix + "gdn_v_grouped")
	on, isBool := v.(bool)
	switch {
	case ok && !isBool:
		r.fail("gdn_v_grouped", "is %v: want true or false", v)
	case on && !c.IsHybrid():
		r.fail("gdn_v_grouped", "is true: it is of the value heads of gated delta-net layers, which the model does not have")
	}
	return on
}

// present reports whether there are keys of a basis, and refuses those that are not known.
func (r *basisReader) present() (found bool) {
	for _, name := range r.m.Keys {
		if key, ok := strings.CutPrefix(name, basisPrefix); ok {
			found = true
			if !slices.Contains(basisKeys, key) {
				r.fail(key, "is not known: what it does to weights in a rotated basis is not computed")
			}
		}
	}
	return found && r.err == nil
}

// word reads a key that must have one of some values.
func (r *basisReader) word(key string, want ...string) string {
	v := r.get(key)
	s, ok := v.(string)
	if !ok || !slices.Contains(want, s) {
		r.fail(key, "is %q: want %q", fmt.Sprint(v), want)
	}
	return s
}

func (r *basisReader) block() int {
	v := r.get("block_size")
	n, ok := r.m.Uint(basisPrefix + "block_size")
	if !ok || n < 2 || n > maxBasisBlock || n&(n-1) != 0 {
		r.fail("block_size", "is %v: want a power of two, at most %d", v, maxBasisBlock)
	}
	return int(min(n, maxBasisBlock))
}

// signs reads the signs by width, nil where all are +1.
func (r *basisReader) signs() map[int][]float32 {
	if r.word("sign_mode", signsExplicit, signsIdentity) == signsIdentity {
		for _, key := range []string{"sign_widths", "sign_values"} {
			if v, ok := r.m.Get(basisPrefix + key); ok && !model.Off(v, nil) {
				r.fail(key, "is there, but sign_mode is %s, which has no signs: they contradict each other", signsIdentity)
			}
		}
		return nil
	}
	widths, values := r.numbers("sign_widths"), r.numbers("sign_values")
	signs := map[int][]float32{}
	for _, w := range widths {
		width := int(min(w, math.MaxInt32))
		switch {
		case w != float64(width) || width < 1:
			r.fail("sign_widths", "has %v: want widths of inputs", w)
		case signs[width] != nil:
			r.fail("sign_widths", "has %d twice", width)
		case width > len(values):
			r.fail("sign_values", "has too few values for sign_widths, %v", widths)
		}
		if r.err != nil {
			return nil
		}
		signs[width], values = toFloat32(values[:width]), values[width:]
		if i := slices.IndexFunc(signs[width], func(s float32) bool { return s != 1 && s != -1 }); i >= 0 {
			r.fail("sign_values", "has %v at place %d of width %d: want 1 or -1", signs[width][i], i, width)
		}
	}
	if len(values) > 0 {
		r.fail("sign_values", "has %d values more than sign_widths, %v, wants", len(values), widths)
	}
	return signs
}

func toFloat32(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// numbers reads a list of numbers of any type.
func (r *basisReader) numbers(key string) []float64 {
	v := reflect.ValueOf(r.get(key))
	if v.Kind() != reflect.Slice {
		r.fail(key, "is no list of numbers")
		return nil
	}
	out := make([]float64, v.Len())
	for i := range out {
		switch e := v.Index(i); {
		case e.CanInt():
			out[i] = float64(e.Int())
		case e.CanUint():
			out[i] = float64(e.Uint())
		case e.CanFloat():
			out[i] = e.Float()
		default:
			r.fail(key, "is no list of numbers")
			return nil
		}
	}
	return out
}

// names reads a list of tensors, each once.
func (r *basisReader) names(key string) map[string]bool {
	v := r.get(key)
	list, ok := v.([]string)
	if !ok {
		r.fail(key, "is %v: want a list of names of tensors", v)
	}
	names := map[string]bool{}
	for _, name := range list {
		if names[name] {
			r.fail(key, "has %s twice", name)
		}
		names[name] = true
	}
	return names
}

// check compares the names with the weights of the model.
func (r *basisReader) check(b *model.Basis, c *model.Config) {
	if len(b.Inputs)+len(b.Tables) == 0 {
		r.fail("weight_names", "is empty, and so is inverse_weight_names: no weight is in the basis; take all keys out")
	}
	left := map[string]bool{}
	for _, of := range []map[string]bool{b.Inputs, b.Tables} {
		maps.Copy(left, of)
	}
	for _, spec := range c.Tensors() {
		delete(left, spec.GGUF)
		if b.Has(spec.GGUF) {
			r.checkWeight(b, c, spec)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		key := "weight_names"
		if b.Tables[name] {
			key = "inverse_weight_names"
		}
		r.fail(key, "has %s, which is no weight of the model", name)
	}
}

// checkWeight refuses a weight that has no such input or rows, or whose width does not fit.
func (r *basisReader) checkWeight(b *model.Basis, c *model.Config, spec model.TensorSpec) {
	key, name, table := "weight_names", spec.GGUF, spec.Name == model.EmbedTokens
	if b.Tables[name] {
		key = "inverse_weight_names"
	}
	if len(spec.Shape) != 2 || model.IsConvolution(spec) {
		r.fail(key, "has %s, which is no matrix", name)
		return
	}
	width := spec.Shape[1]
	switch {
	case b.Tables[name] && !table:
		r.fail(key, "has %s, which is multiplied and not looked up", name)
	case table && b.Inputs[name] && !c.TieWordEmbeddings:
		r.fail("weight_names", "has %s, which is looked up and not multiplied", name)
	case table && c.TieWordEmbeddings && b.Inputs[name] != b.Tables[name]:
		r.fail(key, "has %s and the other list of names does not, but it is the head too, so its rows are turned in "+
			"both uses or in none: they contradict each other", name)
	case width%b.Block != 0:
		r.fail("block_size", "is %d, which does not divide the width of %s, %d", b.Block, name, width)
	case b.Signs != nil && b.Signs[width] == nil:
		r.fail("sign_widths", "does not have %d, the width of %s", width, name)
	}
}

func isWhole(v any, want uint64) bool {
	rv := reflect.ValueOf(v)
	return rv.CanUint() && rv.Uint() == want || rv.CanInt() && rv.Int() == int64(want)
}

// lostBasis is a warning where types and architecture are those of files in a rotated basis, and no key
// says so.
func lostBasis(f *gguf.File, architecture string, c *model.Config) []setting.Note {
	if c.Basis != nil || !slices.Contains([]string{Qwen3, Qwen35}, architecture) {
		return nil
	}
	i := slices.IndexFunc(f.Tensors, func(t gguf.TensorInfo) bool { return t.Type == gguf.PQ2_0 || t.Type == gguf.PTQ1_0 })
	if i < 0 {
		return nil
	}
	return []setting.Note{setting.Note(fmt.Sprintf("%s is %s in architecture %s, and there are no keys %s*: where such weights are in "+
		"a rotated basis and the keys were lost, what the model writes is nonsense; then take the file that they were lost from",
		f.Tensors[i].Name, f.Tensors[i].Type, architecture, basisPrefix))}
}
