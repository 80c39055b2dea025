package ggufmeta

import (
	"fmt"
	"math"
	"strings"

	"trit/format/gguf"
	"trit/internal/float16"
)

// TQ1_0 and TQ2_0 hold a weight's scale in half precision only. Engines multiply a product by
// a tensor of one float32 that stands beside a weight, blk.N.attn_q.scale beside
// blk.N.attn_q.weight, so the remainder of the scale can be kept there: for architecture bitnet in
// all of them, for others in later ones, while earlier ones refuse a tensor too many.

// ScaleName is the name of the factor beside a weight.
func ScaleName(weight string) string { return strings.TrimSuffix(weight, ".weight") + ".scale" }

// Scale is the scale of a ternary tensor: that behind an I2_S one, or that of the blocks
// times the factor beside the weight, where there is one.
func Scale(f *gguf.File, t gguf.TensorInfo) (float32, error) {
	scale, err := tensorScale(f, t)
	if err != nil {
		return 0, err
	}
	if beside, ok := f.Tensor(ScaleName(t.Name)); ok {
		factor, err := readFactor(f, beside)
		if err != nil {
			return 0, err
		}
		scale *= factor
	}
	if !(scale > 0) || math.IsInf(float64(scale), 0) {
		return 0, fmt.Errorf("the scale of %s is %g: want a positive number; the file is damaged", t.Name, scale)
	}
	return scale, nil
}

func tensorScale(f *gguf.File, t gguf.TensorInfo) (float32, error) {
	if t.Type == gguf.I2_S {
		return gguf.I2SScale(f.Data(t)), nil
	}
	bits, err := gguf.BlockScale(t.Type, f.Data(t))
	if bits == 0 && err == nil { // nothing but zeros: any scale is right
		return minScale, nil
	}
	return float16.FromBits(bits), err
}

// minScale is the scale that training gives to a weight of zeros.
const minScale = 1e-5

func readFactor(f *gguf.File, t gguf.TensorInfo) (float32, error) {
	if len(t.Dims) != 1 || t.Dims[0] != 1 || t.Type != gguf.F32 {
		return 0, fmt.Errorf("%s is %s %v: want one F32", t.Name, t.Type, t.Dims)
	}
	v := make([]float32, 1)
	err := gguf.Dequantize(t.Type, v, f.Data(t))
	return v[0], err
}

// SplitScale finds what to write for a scale with blocks in half precision: the blocks'
// scale, and the factor that makes up the remainder, 1 where the blocks' is exact. Blocks get the
// next one up, so that factors are at most 1, where float32 is fine enough for their product
// to be the scale itself.
func SplitScale(scale float32) (half uint16, factor float32) {
	half = float16.Bits(scale)
	if float16.FromBits(half) < scale {
		half++
	}
	up := float16.FromBits(half)
	factor = scale / up
	for _, f := range []float32{factor, math.Nextafter32(factor, 0), math.Nextafter32(factor, 2)} {
		if up*f == scale {
			return half, f
		}
	}
	return half, factor
}
