//go:build !amd64 || purego

package kernel

var rowTiles []rowTile

// HasRowTiles reports whether DotRows uses a row that it has read for several tokens. Without,
// it is Dot for each row and token.
func HasRowTiles() bool { return false }

const hasVBMI = false

// convertible is 0: there are no vector conversions here, and nothing calls the ones below.
func convertible(int) int { return 0 }

func floatsBF16AVX2(int, *float32, *byte)            {}
func floatsQ80AVX2(int, *float32, *byte)             {}
func floatsQ6KAVX2(int, *float32, *byte)             {}
func dotQ6KVBMI(int, *byte, int, *float32, *float32) {}
