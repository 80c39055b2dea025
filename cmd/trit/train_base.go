package main

import (
	"encoding/binary"
	"math"
	"os"

	"trit/bitlinear/kernel/intmul"
	"trit/convert/source"
	"trit/internal/float16"
	"trit/internal/parallel"
	"trit/model"
	"trit/train"
	"trit/train/adapters"
)

// initialModel is the model that --init names: a folder that training can begin with, or any model
// that adapters can lie on.
func initialModel(init string) (model.Config, error) {
	c, err := train.InitialModel(init)
	if err == nil {
		return c, nil
	}
	b, failed := openBase(init)
	if failed != nil {
		return c, err
	}
	return b.Shape(), b.Close()
}

// base is a model of any form as what lies beneath adapters.
type base struct{ *source.Model }

// openBase opens a model as the base of adapters.
func openBase(path string) (adapters.Model, error) {
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
func (b base) Values(spec model.TensorSpec) (dtype string, data []byte, err error) {
	t, err := b.Tensor(spec)
	if err != nil {
		return "", nil, err
	}
	put := func(dst []byte, v float32) []byte { return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)) }
	dtype = "F32"
	switch t.DType {
	case "BF16":
		dtype, put = t.DType, func(dst []byte, v float32) []byte { return binary.LittleEndian.AppendUint16(dst, float16.BBits(v)) }
	case "F16":
		dtype, put = t.DType, func(dst []byte, v float32) []byte { return binary.LittleEndian.AppendUint16(dst, float16.Bits(v)) }
	}
	row := make([]float32, t.Columns)
	for i := range t.Rows {
		if err := t.Floats(row, i); err != nil {
			return "", nil, err
		}
		for _, v := range row {
			data = put(data, v)
		}
		t.Release(i, 1)
	}
	return dtype, data, nil
}

// Release does nothing: rows are released as they are read.
func (base) Release([]byte) {}
