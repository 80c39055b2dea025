package source

import (
	"fmt"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/internal/parallel"
	"trit/model"
)

// packedTensor reads a packed weight of a folder: 2-bit codes, and a scale that the folder's rule
// says how to apply.
func packedTensor(
	f *safetensors.File, name string, rows, columns int, rule model.Storage, pool *parallel.Pool,
) (*Tensor, error) {
	data, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	if info, _ := f.Tensor(name); info.DType != "U8" || len(data)*4 != rows*columns || rows%4 != 0 {
		return nil, fmt.Errorf("%s is %s %v: want U8 with four weights of [%d %d] in a byte", name, info.DType, info.Shape,
			rows, columns)
	}
	s, err := packedScale(f, name)
	if err != nil {
		return nil, err
	}
	t := &Tensor{DType: "U8", Rows: rows, Columns: columns, Scale: s, pool: pool}
	if rule == model.PackedDivide {
		t.Scale = 1 / s
	}
	if err := CheckScale(name, t.Scale); err != nil {
		return nil, err
	}
	quarter := rows / 4
	t.codes = func(dst []byte, row int) error {
		if hffolder.UnpackRow(dst, data[row%quarter*columns:][:columns], row/quarter) {
			return fmt.Errorf("%s: row %d holds code 3, which is no weight: the file is damaged or packed in another way",
				name, row)
		}
		return nil
	}
	// A byte holds weights of four rows that are far apart, so memory is released at the end.
	t.release = func(row, n int) {
		if row+n == rows {
			f.Release(data)
		}
	}
	return t, nil
}

func packedScale(f *safetensors.File, name string) (float32, error) {
	if info, ok := f.Tensor(name + hffolder.ScaleSuffix); ok && info.Elements() != 1 {
		return 0, fmt.Errorf("%s%s has %d values: want one", name, hffolder.ScaleSuffix, info.Elements())
	}
	s, err := f.Float32(name + hffolder.ScaleSuffix)
	if err != nil {
		return 0, err
	}
	return s[0], CheckScale(name, s[0])
}
