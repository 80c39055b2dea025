//go:build !purego

package vector

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AVX512VBMI {
		vbmi := avx512
		vbmi.name, vbmi.dotQ6K = "avx512vbmi", dotQ6KVBMI
		list = append(list, vbmi)
	}
	if cpu.AVX512 {
		list = append(list, avx512)
	}
	if cpu.FMA {
		list = append(list, avx2)
	}
	return append(list, generic)
}

var avx512 = implementation{
	name:          "avx512",
	dot:           dot512,
	dotF16:        dotF16x512,
	dotF16Rows:    dotF16Rows512,
	tiles:         []tile{{6, dotTile512x6}, {2, dotTile512x2}, {1, dotTile512x1}},
	axpy:          axpy512,
	add:           add512,
	normSums:      normSums512,
	normGrad:      normGrad512,
	addNormGrad:   addNormGrad512,
	rescale:       rescale512,
	scale:         scale512,
	ternarize:     ternarize512,
	scaledProduct: scaledProduct512,
	rotate:        rotateAVX512,
	relu2Product:  relu2Product512,
	siluProduct:   siluProduct512,
	relu2Grad:     relu2Grad512,
	siluGrad:      siluGrad512,
	expScaled:     expScaled512,
	expSum:        expSum512,
	absMax:        absMax512,
	max:           max512,
	quantize:      quantize512,
	sumSquares:    sumSquares512,
	absSum:        absSum512,
	adamW:         adamW512,
	adamWBF16:     adamWBF16x512,
	widenF16:      widenF16AVX512,
	widenInt8:     widenInt8AVX512,
	narrowF16:     narrowF16AVX512,
	deadSum:       deadSum512,
	deadAdd:       deadAdd512,
	hadamard16:    hadamard16x512,
	butterflies2:  butterflies2x512,
	butterflies4:  butterflies4x512,
	floatsBF16:    floatsBF16AVX2, // as fast as storing them allows
	floatsQ80:     floatsQ80AVX2,
	floatsQ6K:     floatsQ6KAVX2,
}

var avx2 = implementation{
	name:          "avx2",
	dot:           dot256,
	dotF16:        dotF16x256,
	dotF16Rows:    dotF16Rows256,
	axpy:          axpy256,
	add:           add256,
	normSums:      normSums256,
	normGrad:      normGrad256,
	addNormGrad:   addNormGrad256,
	rescale:       rescale256,
	scale:         scale256,
	ternarize:     ternarize256,
	scaledProduct: scaledProduct256,
	rotate:        rotateAVX2,
	relu2Product:  relu2Product256,
	siluProduct:   siluProduct256,
	relu2Grad:     relu2Grad256,
	siluGrad:      siluGrad256,
	expScaled:     expScaled256,
	expSum:        expSum256,
	absMax:        absMax256,
	max:           max256,
	quantize:      quantize256,
	sumSquares:    sumSquares256,
	absSum:        absSum256,
	adamW:         adamW256,
	adamWBF16:     adamWBF16x256,
	widenF16:      widenF16AVX2,
	widenInt8:     widenInt8AVX2,
	narrowF16:     narrowF16AVX2,
	deadSum:       deadSum256,
	deadAdd:       deadAdd256,
	hadamard16:    hadamard16x256,
	butterflies2:  butterflies2x256,
	butterflies4:  butterflies4x256,
	floatsBF16:    floatsBF16AVX2,
	floatsQ80:     floatsQ80AVX2,
	floatsQ6K:     floatsQ6KAVX2,
}
