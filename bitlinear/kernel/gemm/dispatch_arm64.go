//go:build !purego

package gemm

// implementations lists the implementations that this processor can run, the best first. All
// processors of the architecture have NEON.
func implementations() []implementation { return []implementation{neon, generic} }

var neon = implementation{
	name:       "neon",
	tile:       gemmTileNEON,
	packEight:  packEightNEON,
	packOctets: packOctetsNEON,
	storeSums:  storeSumsNEON,
	addSums:    addSumsNEON,
}

// gemmTileNEON is tileGeneric with fused multiply-add: eight columns at a time, 16 sums of 4 lanes.
//
//go:noescape
func gemmTileNEON(k int, a, b, c *float32, ldc int, accumulate bool)

// packEightNEON writes dst[v*stride+l] = x[l*ld+v] for eight lines l and v below n, a multiple of 4.
//
//go:noescape
func packEightNEON(n int, dst *float32, stride int, x *float32, ld int)

// packOctetsNEON writes dst[(p*rows+v)*8+l] = x[v*ld+8p+l] for eight values l, octets p and rows v.
//
//go:noescape
func packOctetsNEON(octets, rows int, dst, x *float32, ld int)

// storeSumsNEON is storeSumsGeneric for 32 columns.
//
//go:noescape
func storeSumsNEON(rows int, dst *float32, width int, sums, factor *float32)

// addSumsNEON is addSumsGeneric for 32 columns.
//
//go:noescape
func addSumsNEON(rows int, dst *float32, width int, sums, factor *float32)
