// Package adapters joins low-rank adapters (LoRA) to a run: their options, the frozen base beneath
// them, and the files that they are saved in.
package adapters

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"trit/bitlinear/kernel/intmul"
	"trit/format/hffolder"
	"trit/internal/parallel"
	"trit/model"
	"trit/train/graph"
)

// Source is a model whose weights are read row by row, in any form that a file may have.
type Source interface {
	// Codes reads a ternary weight that the source has as codes, -1, 0 and 1 times scale. It reports
	// false for any other weight.
	Codes(spec model.TensorSpec, pool *parallel.Pool) (codes *intmul.Ternary, scale float32, ok bool, err error)
	// Values are the values of a weight as safetensors has them, with their type (F32, F16 or BF16).
	// They are valid until Release, or with keep for good.
	Values(spec model.TensorSpec, keep bool) (dtype string, data []byte, err error)
	Release(data []byte)
}

// Model is a Source that is open, with its model.
type Model interface {
	Source
	Shape() model.Config
	// Folder is where the files of the model's tokenizer are; "" if they are in no folder.
	Folder() string
	Close() error
}

// Read reads the weights beneath adapters one by one: what it makes of one stands in memory, and
// nothing else of the source. With masters, ternary weights stay as they are, for adapters inside
// the quantiser.
func Read(s Source, c model.Config, masters bool, threads int) (*graph.Base, error) {
	b := graph.NewBase(c, masters, threads)
	for _, spec := range c.Tensors() {
		if err := readWeight(b, s, spec, parallel.New(threads)); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Name, err)
		}
	}
	return b, nil
}

func readWeight(b *graph.Base, s Source, spec model.TensorSpec, pool *parallel.Pool) error {
	if b.Packs(spec) {
		codes, scale, ok, err := s.Codes(spec, pool)
		if err != nil {
			return err
		}
		if ok {
			b.SetCodes(spec.Name, codes, scale)
			return nil
		}
	}
	keep := !b.Packs(spec)
	dtype, data, err := s.Values(spec, keep)
	if err != nil {
		return err
	}
	if !keep {
		defer s.Release(data)
	}
	if err := b.SetValues(spec.Name, dtype, data); err != nil {
		return err
	}
	return b.CheckFinite(spec.Name)
}

// Masters is a folder of master weights, or of a model in full precision, as a Source.
type Masters struct{ *Files }

// Files are the open files of a folder.
type Files = hffolder.Folder

// Shape is the model of the folder.
func (m Masters) Shape() model.Config { return m.Config.Config }

// Folder is the folder.
func (m Masters) Folder() string { return m.Dir }

// Codes reports false: the folder has none.
func (Masters) Codes(model.TensorSpec, *parallel.Pool) (*intmul.Ternary, float32, bool, error) {
	return nil, 0, false, nil
}

// Values are the values as they lie in the file; of other types than a base holds, in float32.
func (m Masters) Values(spec model.TensorSpec, keep bool) (dtype string, data []byte, err error) {
	info, _ := m.Weights.Tensor(m.Name(spec))
	switch info.DType {
	case "F32", "F16", "BF16":
		if data, err = m.Weights.Bytes(m.Name(spec)); err == nil && keep {
			mapped := data
			data = bytes.Clone(mapped)
			m.Release(mapped)
		}
		return info.DType, data, err
	}
	values, err := m.Weights.Float32(m.Name(spec))
	if err != nil {
		return "", nil, err
	}
	data, err = binary.Append(nil, binary.LittleEndian, values)
	return "F32", data, err
}

// Release gives the memory of mapped pages back.
func (m Masters) Release(data []byte) { _ = m.Weights.Release(data) } // it is only advice
