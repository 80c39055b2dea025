//go:build (!amd64 && !arm64) || purego

package kernel

func ternaryImplementations() map[string][]tile {
	return map[string][]tile{"generic": genericTernaryTiles}
}

func int8Implementations() map[string][]tile {
	return map[string][]tile{"generic": genericInt8Tiles}
}

func int4Implementations() map[string][]tile {
	return map[string][]tile{"generic": genericInt4Tiles}
}
