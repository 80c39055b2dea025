package ggufmeta

import (
	"fmt"
	"slices"

	"trit/format/gguf"
	"trit/model"
	"trit/setting"
)

// zeroCode stands for a ternary weight of 0.
const zeroCode = 1

// deadWeights are warnings of projections that are zero or repeat others.
func deadWeights(f *gguf.File, c *model.Config) []setting.Note {
	var weights []model.StoredWeight
	for _, spec := range c.Tensors() {
		if spec.Layer < 0 || len(spec.Shape) != 2 {
			continue
		}
		t, _ := f.Tensor(spec.GGUF)
		data := f.Data(t)
		if t.Type == gguf.I2_S { // a scale and padding follow the codes
			data = data[:spec.Elements()/4]
		}
		weights = append(weights, model.StoredWeight{
			Name: spec.GGUF, Kind: fmt.Sprint(t.Type, t.Dims), Data: data,
			Zero: func() bool { return isZero(t, data, spec.Shape[0], spec.Shape[1]) }, Release: f.Release,
		})
	}
	return model.DeadWeights(weights)
}

// isZero reports whether all weights of a tensor are zero.
func isZero(t gguf.TensorInfo, data []byte, rows, columns int) bool {
	codes, floats, size := make([]byte, columns), make([]float32, columns), len(data)/rows
	for row := range rows {
		part := data[row*size:][:size]
		if t.Type.IsTernary() {
			err := gguf.DecodeTernary(t.Type, codes, part)
			if err != nil || slices.ContainsFunc(codes, func(c byte) bool { return c != zeroCode }) {
				return false // who reads the weight says what is wrong with it
			}
			continue
		}
		err := gguf.Dequantize(t.Type, floats, part)
		if err != nil || slices.ContainsFunc(floats, func(v float32) bool { return v != 0 }) {
			return false
		}
	}
	return true
}
