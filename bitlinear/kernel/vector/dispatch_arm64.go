//go:build !purego

package vector

// implementations lists the implementations that this processor can run, the best first. All
// processors of the architecture have NEON.
func implementations() []implementation { return []implementation{neon, generic} }

var neon = implementation{
	name:          "neon",
	dot:           dotNEON,
	dotF16:        dotF16NEON,
	dotF16Rows:    dotF16RowsNEON,
	tiles:         []tile{{1, dotTileNEON}},
	axpy:          axpyNEON,
	add:           addNEON,
	normSums:      normSumsNEON,
	normGrad:      normGradNEON,
	addNormGrad:   addNormGradNEON,
	rescale:       rescaleNEON,
	scale:         scaleNEON,
	ternarize:     ternarizeNEON,
	scaledProduct: scaledProductNEON,
	rotate:        rotateNEON,
	relu2Product:  relu2ProductNEON,
	siluProduct:   siluProductNEON,
	relu2Grad:     relu2GradNEON,
	siluGrad:      siluGradNEON,
	expScaled:     expScaledNEON,
	expSum:        expSumNEON,
	absMax:        absMaxNEON,
	max:           maxNEON,
	quantize:      quantizeNEON,
	sumSquares:    sumSquaresNEON,
	absSum:        absSumNEON,
	adamW:         adamWNEON,
	adamWBF16:     adamWBF16NEON,
	widenF16:      widenF16NEON,
	widenInt8:     widenInt8NEON,
	narrowF16:     narrowF16NEON,
	deadSum:       deadSumNEON,
	deadAdd:       deadAddNEON,
	hadamard16:    hadamard16NEON,
	butterflies2:  butterflies2NEON,
	butterflies4:  butterflies4NEON,
	floatsBF16:    floatsBF16NEON,
	floatsQ80:     floatsQ80NEON,
	floatsQ6K:     floatsQ6KNEON,
}
