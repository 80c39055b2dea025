package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"trit/bitlinear"
	"trit/bitlinear/kernel/intmul"
	"trit/internal/parallel"
	"trit/model"
)

// Base is the weights of a model beneath its adapters, which training does not move. Each stands in
// the form that takes the least memory: a Base is filled weight by weight, and no other copy of one
// is kept.
type Base struct {
	Config   model.Config
	mode     bitlinear.Mode
	masters  bool // ternary weights are kept as they are, for adapters inside the quantiser
	specs    map[string]model.TensorSpec
	vectors  map[string][]float32
	matrices map[string]*bitlinear.Frozen
}

// NewBase makes a Base to be filled. With masters, ternary weights keep the values that they are set
// to; without, they become 2-bit codes.
func NewBase(c model.Config, masters bool, threads int) *Base {
	b := &Base{Config: c, masters: masters, specs: map[string]model.TensorSpec{},
		mode:    modeOf(&c, threads),
		vectors: map[string][]float32{}, matrices: map[string]*bitlinear.Frozen{}}
	for _, spec := range c.Tensors() {
		b.specs[spec.Name] = spec
	}
	return b
}

// Packs reports whether the Base makes codes of a weight, of which it keeps nothing else.
func (b *Base) Packs(spec model.TensorSpec) bool {
	return spec.Ternary && b.Config.Ternary && !b.masters
}

// SetValues sets a weight to values of a type of safetensors (F32, F16 or BF16), little-endian. It
// may keep data.
func (b *Base) SetValues(name, dtype string, data []byte) error {
	spec := b.specs[name]
	rows, columns := 1, spec.Elements()
	if len(spec.Shape) == 2 {
		rows, columns = spec.Shape[0], spec.Shape[1]
	}
	f, err := bitlinear.FrozenValues(dtype, rows, columns, data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(spec.Shape) == 2 && !b.Packs(spec) {
		b.matrices[name] = f
		return nil
	}
	values := f.Floats()
	if len(spec.Shape) == 2 {
		b.matrices[name] = b.mode.Freeze(rows, columns, values)
	} else {
		b.vectors[name] = values
	}
	return nil
}

// SetCodes sets a ternary weight to codes, packed in 2 bits, times a scale.
func (b *Base) SetCodes(name string, codes *intmul.Ternary, scale float32) {
	b.matrices[name] = bitlinear.FrozenCodes(codes, scale)
}

// CheckFinite returns an error if a weight that is set holds NaN or infinity.
func (b *Base) CheckFinite(name string) error {
	finite := true
	if v, ok := b.vectors[name]; ok {
		finite = bitlinear.Finite(v)
	} else {
		finite = b.matrices[name].Finite(parallel.New(b.mode.Threads))
	}
	if !finite {
		return errors.New("it holds values that are not finite: the file is damaged, or training had diverged")
	}
	return nil
}

// Bytes is the memory of all weights.
func (b *Base) Bytes() (n int) {
	for _, v := range b.vectors {
		n += 4 * len(v)
	}
	for _, m := range b.matrices {
		n += m.Bytes()
	}
	return n
}

// check returns an error unless all weights are set.
func (b *Base) check() error {
	for name := range b.specs {
		if b.vectors[name] == nil && b.matrices[name] == nil {
			return fmt.Errorf("the base has no %s", name)
		}
	}
	return nil
}

// Fingerprint is the sha256, in hexadecimal, of all weights as the Base holds them. Files that differ
// in form alone may have the same.
func (b *Base) Fingerprint() string {
	h := sha256.New()
	for _, spec := range b.Config.Tensors() {
		fmt.Fprintln(h, spec.Name)
		if v, ok := b.vectors[spec.Name]; ok {
			_ = binary.Write(h, binary.LittleEndian, v) // a hash returns no error
		} else {
			b.matrices[spec.Name].Hash(h)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
