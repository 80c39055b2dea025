package hffolder

import (
	"fmt"
	"slices"

	"trit/format/safetensors"
	"trit/model"
	"trit/setting"
)

// Warnings name the keys of config.json that are not known, the parts of the folder that are left out, and
// projections that are all zero or repeat others. The folder has to be one that Check accepts.
func (f *Folder) Warnings() ([]setting.Note, error) {
	var weights []model.StoredWeight
	for _, spec := range f.Config.Tensors() {
		if spec.Layer < 0 || len(spec.Shape) != 2 {
			continue
		}
		info, _ := f.Weights.Tensor(f.Name(spec))
		data, err := f.Weights.Bytes(info.Name)
		if err != nil {
			return nil, err
		}
		weights = append(weights, model.StoredWeight{
			Name: info.Name, Kind: fmt.Sprint(info.DType, info.Shape), Data: data,
			Zero: func() bool { return isZero(info, data) }, Release: f.Weights.Release,
		})
	}
	return slices.Concat(f.Config.Warnings(), f.leftOut(), model.DeadWeights(weights)), nil
}

// leftOut names the parts of the folder that are no part of the model.
func (f *Folder) leftOut() (notes []setting.Note) {
	count := map[model.Part]int{}
	for name := range f.names() {
		if part, ok := f.Family.PartOf(name); ok {
			count[part]++
		}
	}
	for _, part := range f.Family.Apart {
		if n := count[part]; n > 0 {
			notes = append(notes, setting.Note(fmt.Sprintf("left out: %s, %d tensors whose names begin with %s",
				part.What, n, part.Prefix)))
		}
	}
	return notes
}

// zeroCodes are four packed weights of 0.
const zeroCodes = 0b01010101

// isZero reports whether all weights of a tensor are zero.
func isZero(info safetensors.TensorInfo, data []byte) bool {
	if info.DType == "U8" {
		return !slices.ContainsFunc(data, func(b byte) bool { return b != zeroCodes })
	}
	rows := info.Shape[0]
	values, size := make([]float32, info.Elements()/rows), len(data)/rows
	for row := range rows {
		err := safetensors.DecodeFloat32(values, "", info, data[row*size:][:size])
		if err != nil || slices.ContainsFunc(values, func(v float32) bool { return v != 0 }) {
			return false // who reads the weight says what is wrong with it
		}
	}
	return true
}
