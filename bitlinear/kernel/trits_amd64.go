//go:build !purego

package kernel

// tritsTiles are tiles of 2-bit codes with a product of one token that reads trits.
func tritsTiles(tiles []tile) []tile {
	list := append([]tile(nil), tiles...)
	one := &list[len(list)-1]
	if one.quad != nil {
		one.quad = tritsQuadVNNI
	}
	return list
}
