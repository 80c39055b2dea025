package main

// rooms has the generator of each package's functions, by package and machine.
var rooms = map[string]map[string]func(){
	"intmul":    {"avx512": intmul512, "avx2": intmul256},
	"gemm":      {"avx512": gemm512, "avx2": gemm256},
	"vector":    {"avx512": vector512, "avx2": vector256},
	"attention": {"avx512": wide512.attention, "avx2": wide256.attention},
	"causal":    {"avx512": causal512},
	"intgrad":   {"avx512": intgrad512, "avx2": intgrad256},
}

func intmul512() {
	for _, tokens := range []int{1, 2, 4, 8, 24} {
		tileVNNI("ternaryTileVNNI", tokens, ternaryWeights)
		tileVNNI("int8TileVNNI", tokens, int8Weights)
	}
	for _, tokens := range []int{2, 8, 24} {
		tileVNNI("int4TileVNNI", tokens, int4Weights)
	}
	for _, tokens := range []int{1, 2, 4, 8, 24} {
		tileSigns(tokens)
	}
	groupedTiles512()
	addParts()
	tileQuad("ternaryQuadVNNI", 1, ternaryWeights)
	tileQuad("int8QuadVNNI", 1, int8Weights)
	tileQuad("int4QuadVNNI", 2, int4Weights)
	tritsQuad()
	tritsTile(2)
	tritsTile(4)
	tritsDigits(8)
	ternaryBytes()
	signsBytes()
	ternaryPairs()
	ternaryBlock()
	zmm.ternaryQuads()
	int4Bytes()
	int8Bytes()
	tritsBytes()
	zmm.packing()
}

func intmul256() {
	tilesYMM()
	groupedTiles256()
	ymm.ternaryQuads()
	ymm.packing()
}

// packing writes the loops over integers before and after a product.
func (r registers) packing() {
	r.rescaleSums(16)
	r.rescaleSums(32)
	r.addScaled()
	r.int4Codes()
	r.sumInt8()
	r.tritsWiden()
	r.ternaryCodes()
}

// allSums writes the ways to store the sums of products in float32.
func (r registers) allSums() {
	r.storeSums("storeSums", "storeSums", false, false)
	r.storeSums("addSums", "addSums", true, false)
	r.storeSums("streamSums", "storeSums", false, true)
}

func gemm512() {
	zmm.allSums()
	bf16Pairs()
	bf16TernaryPairs()
	bf16Int8Pairs()
	bf16PairsOfRows()
	bf16Row()
	bf16Columns()
	bf16Transpose()
	tilesBF16()
}

func gemm256() {
	ymm.allSums()
	packEight()
	packOctets()
}

func vector512() {
	zmm.vectors()
	for _, tokens := range []int{1, 2, 6} {
		dotTile(tokens)
	}
	dotQ6K()
	for _, e := range elements[1:] {
		widen(e, wide512)
	}
	narrowF16(wide512)
	rotate(wide512)
}

func vector256() {
	ymm.vectors()
	floatsBF16()
	floatsQ80()
	floatsQ6K()
	for _, e := range elements[1:] {
		widen(e, wide256)
	}
	narrowF16(wide256)
	rotate(wide256)
}

// vectors writes the functions that both widths of registers have.
func (r registers) vectors() {
	r.absMax()
	r.quantize()
	r.rescale()
	r.scale()
	r.ternarize()
	r.scaledProduct()
	r.relu2Product()
	r.dot()
	r.axpy()
	r.sum()
	r.normSums()
	r.normGrad("normGrad", false)
	r.normGrad("addNormGrad", true)
	r.dotF16()
	r.dotF16Rows()
	r.maximum()
	r.expScaled()
	r.siluProduct()
	r.relu2Grad()
	r.siluGrad()
	r.adamW()
	r.adamWBF16()
	r.sumSquares()
	r.absSum()
	r.hadamard()
	r.deadSum()
	r.deadAdd()
}
