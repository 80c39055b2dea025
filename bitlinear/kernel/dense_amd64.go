//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var rowTiles = []rowTile{{6, dotTile512x6}, {2, dotTile512x2}, {1, dotTile512x1}}

// HasRowTiles reports whether DotRows uses a row that it has read for several tokens. Without,
// it is Dot for each row and token.
func HasRowTiles() bool { return has512 }

var hasVBMI = has512 && cpu.X86.HasAVX512VBMI

// hasConversions: what has AVX2 and FMA converts half precision too.
var hasConversions = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// convertible is how many of n values the vector conversions take.
func convertible(n int) int {
	if hasConversions {
		return n &^ 15
	}
	return 0
}
