package quant

import "trit/internal/float16"

// Weights of a row that share a scale, where it is not a number of columns.
const (
	WholeTensor = 0  // one scale for the tensor; see Weights and Signs
	WholeRow    = -1 // a group a row
)

// Half is a scale as types of GGUF hold it: rounded to half precision.
func Half(scale float32) float32 { return float16.FromBits(float16.Bits(scale)) }

// Groups rounds a row of weights with a scale for each group of columns: Half(AbsMean) of the group.
// Codes are those of Weights under that scale, so they follow from what a file holds, or with sign
// -1 for weights below 0 and 1 for all others. group is a number that divides len(w), or WholeRow.
// It writes the codes to dst, one for each weight, and the scales, one for each group.
//
// Source: the quantisers of Q1_0 and Q2_0 in ggml, with the scale of BitNet b1.58 for ternary weights.
func Groups(dst []int8, scales, w []float32, group int, sign bool) {
	size := GroupSize(group, len(w))
	for g := range scales {
		part, codes := w[g*size:][:size], dst[g*size:][:size]
		scales[g] = Half(AbsMean(part))
		for i, x := range part {
			codes[i] = groupCode(x, 1/scales[g], sign)
		}
	}
}

// GroupSize is the number of columns under a scale in rows of k columns.
func GroupSize(group, k int) int {
	if group == WholeRow {
		return k
	}
	return group
}

func groupCode(w, inverse float32, sign bool) int8 {
	switch {
	case !sign:
		return Ternary(w, inverse)
	case w < 0:
		return -1
	}
	return 1
}
