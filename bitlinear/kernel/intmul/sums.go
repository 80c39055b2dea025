package intmul

import "trit/bitlinear/kernel/vector"

// sums are the products of some rows of weights by some tokens: values[t*stride+i] is the product
// of row row+i by token first+t, of the columns of a part.
type sums struct {
	row, rows     int
	first, tokens int
	stride        int
	part          int
	values        []int32
}

// ofToken is the sums of token first+t.
func (s *sums) ofToken(t int) []int32 { return s.values[t*s.stride:][:s.rows] }

// copyTo writes the sums to dst [tokens,width].
func (s *sums) copyTo(dst []int32, width int) {
	for t := range s.tokens {
		copy(dst[(s.first+t)*width+s.row:], s.ofToken(t))
	}
}

// rescaleTo writes float32(sum)*factor[token] to dst [tokens,width].
func (s *sums) rescaleTo(dst []float32, width int, factor []float32) {
	dst, factor = dst[s.first*width+s.row:], factor[s.first:][:s.tokens]
	_ = dst[(s.tokens-1)*width+s.rows-1]
	switch {
	case chosen.rescaleSums16 != nil && s.rows == 16 && s.stride == 16:
		chosen.rescaleSums16(s.tokens, &dst[0], width, &s.values[0], &factor[0])
	case chosen.rescaleSums32 != nil && s.rows == 32 && s.stride == 32:
		chosen.rescaleSums32(s.tokens, &dst[0], width, &s.values[0], &factor[0])
	default:
		for t, f := range factor {
			vector.Rescale(dst[t*width:], s.ofToken(t), f)
		}
	}
}
