package intmul

import "trit/bitlinear/quant"

// quadBlocks is the number of blocks of a quad.
const quadBlocks = 4

// maxGrouped is the largest number of tokens of a groupedQuad.
const maxGrouped = 8

// scaled is a product with weights that have a scale a group.
type scaled struct {
	GroupedOutput
	factor []float32 // [ceil(K/128)][m]
	m      int
}

// groupedQuad multiplies four blocks, size bytes apart, whose parts have a number of lines each, by
// its number of tokens. For each part p in order, token t and row r of the 64,
//
//	dst[t][r] += float32(offset[p][t] + sum over c of code(p,r,c)*x[p][t][c]) * factor[p][t] * scale[p][r]
//
// with each product and each sum rounded: quant.GroupDot.
type groupedQuad func(parts, lines int, w *byte, size int, x *int8, offset *int32, factor *float32,
	scale *uint16, dst *float32)

// factors are those of a panel of n tokens from first on, of which count exist, for each part.
func (s *scaled) factors(dst []float32, n, first, count int) {
	for g := range s.W.parts() {
		to := dst[g*n:][:n]
		clear(to[copy(to, s.ofPart(g)[first:][:count]):])
	}
}

// ofPart is the factors of all tokens, for a part.
func (s *scaled) ofPart(part int) []float32 {
	return s.factor[part*s.W.part/quant.ActivationGroup*s.m:][:s.m]
}

// quads computes the blocks [lo,hi) for the tokens of some panels, four at a time, and returns the
// first that is left.
func (s *scaled) quads(of *product, panels []panel, w *work, lo, hi int) int {
	const rows = quadBlocks * blockRows
	parts, lines := of.parts(), of.part()/of.packedCols
	for ; lo+quadBlocks <= hi; lo += quadBlocks {
		row := lo * blockRows
		for i := range panels {
			p := &panels[i]
			dst := w.scaled[:p.tile.tokens*rows]
			clear(dst)
			p.tile.grouped(parts, lines, &of.weights[lo*of.blockBytes], of.blockBytes, &p.x[0], &p.offset[0], &p.factor[0],
				&s.W.scalesAt(row, 0)[0], &dst[0])
			s.write(dst, rows, row, p.first, p.count)
		}
	}
	return lo
}

// write copies sums [tokens][rows] of the rows from row on to Dst; rows beyond the last are left out.
func (s *scaled) write(sums []float32, rows, row, first, tokens int) {
	n := s.W.N
	for t := range tokens {
		copy(s.Dst[(first+t)*n+row:][:min(rows, n-row)], sums[t*rows:])
	}
}

// add adds float32(sum)*factor*scale to Dst [m,N]; the first part begins the sum.
func (s *scaled) add(of sums) {
	dst := s.Dst[of.first*s.W.N+of.row:]
	if of.part == 0 {
		for t := range of.tokens {
			clear(dst[t*s.W.N:][:of.rows])
		}
	}
	factor := s.ofPart(of.part)[of.first:][:of.tokens]
	for at := 0; at < of.rows; at += blockRows {
		scales := s.W.scalesAt(of.row+at, of.part)[:blockRows]
		if chosen.addScaled != nil && of.rows-at >= blockRows {
			_ = dst[(of.tokens-1)*s.W.N+at+blockRows-1]
			chosen.addScaled(of.tokens, &dst[at], s.W.N, &of.values[at], of.stride, &factor[0], &scales[0])
			continue
		}
		for t, f := range factor {
			rows := min(blockRows, of.rows-at)
			addScaledGeneric(dst[t*s.W.N+at:][:rows], of.values[t*of.stride+at:][:rows], f, scales)
		}
	}
}
