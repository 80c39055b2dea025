package convert

import (
	"fmt"
	"math"

	"trit/format/safetensors"
	"trit/model"
)

// packed are folders of 2-bit codes, U8 [out/4, in], with a weight_scale beside each:
// with R = out/4, packed row p holds the rows p, p+R, p+2R and p+3R from its low bits
// to its high bits, as value+1.
type packed struct {
	names model.Naming
	scale func(float32) float32
}

func multiply(s float32) float32 { return s }     // W = q * weight_scale
func divide(s float32) float32   { return 1 / s } // W = q / weight_scale

func (p packed) name(spec model.TensorSpec) string { return p.names(spec) }

func (p packed) ternary(f *safetensors.File, spec model.TensorSpec, q []int8) (float32, error) {
	name := p.name(spec)
	codes, err := f.Bytes(name)
	if err != nil {
		return 0, err
	}
	if info, _ := f.Tensor(name); info.DType != "U8" || len(codes)*4 != len(q) {
		return 0, fmt.Errorf("%s is %s %v: want U8 with four weights of %v in a byte", name, info.DType, info.Shape, spec.Shape)
	}
	for part := range 4 {
		out := q[part*len(codes):][:len(codes)]
		for i, c := range codes {
			v := c >> (2 * part) & 3
			if v == 3 {
				return 0, fmt.Errorf("%s: byte %d is %#02x: it holds code 3, which stands for no weight", name, i, c)
			}
			out[i] = int8(v) - 1
		}
	}
	s, err := f.Float32(name + "_scale")
	if err != nil {
		return 0, err
	}
	if len(s) != 1 || !(s[0] > 0) || math.IsInf(float64(s[0]), 0) {
		return 0, fmt.Errorf("%s_scale is %v: want one positive number", name, s)
	}
	return p.scale(s[0]), nil
}
