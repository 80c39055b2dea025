//go:build !amd64 || purego

package kernel

func tileImplementations() []tileImplementation {
	return []tileImplementation{{"generic", gemmTileGeneric}}
}
