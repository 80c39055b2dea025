package gguf

import "slices"

// resolveQ2 tells the two formats of type number 42 apart: groups of 64 weights, ggml's, and groups
// of 128, which files of spring 2026 have under the same number and this package calls PQ2_0. Only
// the room between the offsets of tensors tells which one it is, and it tells nothing of a small
// tensor, so all tensors of a file are asked: they are in groups of 128 if each has exactly the
// room for that, and not each has exactly the room for groups of 64. A file that is neither is left
// as it is; placeTensors and checkQ2 say what does not fit.
func (f *File) resolveQ2(order []TensorInfo, alignment uint64) {
	if f.fill(order, alignment, Q2_0) || !f.fill(order, alignment, PQ2_0) {
		return
	}
	for _, list := range [][]TensorInfo{f.Tensors, order} {
		for i := range list {
			if t := &list[i]; t.Type == Q2_0 {
				t.Type = PQ2_0
				t.Size, _ = PQ2_0.Size(t.Dims) // fill has seen that it has one
			}
		}
	}
}

// checkQ2 refuses tensors of type number 42 that do not fill their room: blocks of another size read as
// these would give a model of noise.
func (f *File) checkQ2(order []TensorInfo, alignment uint64) error {
	i := slices.IndexFunc(order, func(t TensorInfo) bool { return t.Type == Q2_0 })
	if i < 0 || f.fill(order, alignment, Q2_0) {
		return nil
	}
	return &FormatError{f.path, order[i].Name, "the type number is 42, but the tensors of this number do not fill " +
		"their room, in groups neither of 64 nor of 128 weights: the number means another format in this file"}
}

// fill reports whether the tensors of type number 42, read as a type, fill their room exactly.
func (f *File) fill(order []TensorInfo, alignment uint64, as Type) bool {
	for i, t := range order {
		if t.Type != Q2_0 {
			continue
		}
		size, err := as.Size(t.Dims)
		if err != nil {
			return false
		}
		end := (t.Offset + size + alignment - 1) / alignment * alignment
		switch {
		case i+1 < len(order):
			if order[i+1].Offset != end {
				return false
			}
		case uint64(len(f.data)) < t.Offset+size || uint64(len(f.data)) > end: // the last may have no padding
			return false
		}
	}
	return slices.ContainsFunc(order, func(t TensorInfo) bool { return t.Type == Q2_0 })
}
