//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var has512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW

var avx512Vectors = vectorSet{
	name:          "avx512",
	dot:           dot512,
	dotF16:        dotF16x512,
	dotF16Rows:    dotF16Rows512,
	axpy:          axpy512,
	rescale:       rescale512,
	scale:         scale512,
	ternarize:     ternarize512,
	rescaleSums16: rescaleSums512x16,
	rescaleSums32: rescaleSums512x32,
	scaledProduct: scaledProduct512,
	relu2Product:  relu2Product512,
	siluProduct:   siluProduct512,
	expScaled:     expScaled512,
	absMax:        absMax512,
	max:           max512,
	quantize:      quantize512,
	sumInt8:       sumInt8x512,
	int4Codes:     int4Codes512,
	tritsWiden:    tritsWiden512,
	packEight:     packEight256,
	packOctets:    packOctets256,
	relu2Grad:     relu2Grad512,
	siluGrad:      siluGrad512,
	storeSums:     storeSums512,
	addSums:       addSums512,
	adamW:         adamW512,
	adamWBF16:     adamWBF16x512,
	sumSquares:    sumSquares512,
	absSum:        absSum512,
	ternaryCodes:  ternaryCodes512,
}

var avx2Vectors = vectorSet{
	name:          "avx2",
	dot:           dot256,
	dotF16:        dotF16x256,
	dotF16Rows:    dotF16Rows256,
	axpy:          axpy256,
	rescale:       rescale256,
	scale:         scale256,
	ternarize:     ternarize256,
	rescaleSums16: rescaleSums256x16,
	rescaleSums32: rescaleSums256x32,
	scaledProduct: scaledProduct256,
	relu2Product:  relu2Product256,
	siluProduct:   siluProduct256,
	expScaled:     expScaled256,
	absMax:        absMax256,
	max:           max256,
	quantize:      quantize256,
	sumInt8:       sumInt8x256,
	int4Codes:     int4Codes256,
	tritsWiden:    tritsWiden256,
	packEight:     packEight256,
	packOctets:    packOctets256,
	relu2Grad:     relu2Grad256,
	siluGrad:      siluGrad256,
	storeSums:     storeSums256,
	addSums:       addSums256,
	adamW:         adamW256,
	adamWBF16:     adamWBF16x256,
	sumSquares:    sumSquares256,
	absSum:        absSum256,
	ternaryCodes:  ternaryCodes256,
}

// vectorSets lists the implementations that this machine can run, best first.
func vectorSets() []vectorSet {
	list := []vectorSet{plainVectors}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		list = append([]vectorSet{avx2Vectors}, list...)
	}
	if has512 {
		list = append([]vectorSet{avx512Vectors}, list...)
	}
	return list
}
