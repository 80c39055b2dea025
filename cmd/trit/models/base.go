package models

import (
	"encoding/binary"
	"math"
	"os"

	"trit/bitlinear/kernel/intmul"
	"trit/convert/source"
	"trit/internal/float16"
	"trit/internal/parallel"
	"trit/model"
	"trit/train/adapters"
)

// base is a model of any form as what lies beneath adapters.
type base struct{ *source.Model }

// OpenBase opens a model as the base of adapters.
func OpenBase(path string) (adapters.Model, error) {
	m, err := source.Open(path, source.Options{})
	return base{m}, err
}

// Shape is the model.
func (b base) Shape() model.Config { return b.Config.Config }

// Folder is where the files of the model's tokenizer are; "" if the model is a file.
func (b base) Folder() string {
	if info, err := os.Stat(b.Path); err != nil || !info.IsDir() {
		return ""
	}
	return b.Path
}

// Codes packs the codes of a ternary weight.
func (b base) Codes(spec model.TensorSpec, pool *parallel.Pool) (*intmul.Ternary, float32, bool, error) {
	t, err := b.Tensor(spec)
	if err != nil || !t.IsTernary() {
		return nil, 0, false, err
	}
	q, row := make([]int8, t.Rows*t.Columns), make([]byte, t.Columns)
	for i := range t.Rows {
		if err := t.Codes(row, i); err != nil {
			return nil, 0, false, err
		}
		for j, c := range row {
			q[i*t.Columns+j] = int8(c) - 1
		}
		t.Release(i, 1)
	}
	packed, err := intmul.PackTernary(pool, intmul.Bits2, t.Rows, t.Columns, q)
	return packed, t.Scale, true, err
}

// Values are the values of a weight, in 16 bits if the file has them so.
func (b base) Values(spec model.TensorSpec, _ bool) (_ string, data []byte, _ error) {
	le := binary.LittleEndian
	t, err := b.Tensor(spec)
	if err != nil {
		return "", nil, err
	}
	dtype, put := "F32", func(v float32) { data = le.AppendUint32(data, math.Float32bits(v)) }
	switch t.DType {
	case "BF16":
		dtype, put = t.DType, func(v float32) { data = le.AppendUint16(data, float16.BBits(v)) }
	case "F16":
		dtype, put = t.DType, func(v float32) { data = le.AppendUint16(data, float16.Bits(v)) }
	}
	data = make([]byte, 0, 2*t.Rows*t.Columns)
	row := make([]float32, t.Columns)
	for i := range t.Rows {
		if err := t.Floats(row, i); err != nil {
			return "", nil, err
		}
		for _, v := range row {
			put(v)
		}
		t.Release(i, 1)
	}
	return dtype, data, nil
}

// Release does nothing: rows are released as they are read.
func (base) Release([]byte) {}
