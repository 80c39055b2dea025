package kernel

// tileImplementation is one way to compute a tile of a float32 product.
type tileImplementation struct {
	name string
	tile func(k int, a, b, c *float32, ldc int, accumulate bool)
}

var chosen = tileImplementations()[0]

// Name is the instruction set of the float32 product on this machine.
func Name() string { return chosen.name }

func gemmTile(k int, a, b, c *float32, ldc int, accumulate bool) {
	chosen.tile(k, a, b, c, ldc, accumulate)
}

var (
	ternaryTiles = best(ternaryImplementations())
	int8Tiles    = best(int8Implementations())
	int4Tiles    = best(int4Implementations())
)

// best takes the fastest implementation there is.
func best(list map[string][]tile) []tile {
	for _, name := range []string{"amx", "avx512vnni", "avxvnni", "avx2", "dotprod", "neon"} {
		if t, ok := list[name]; ok {
			return t
		}
	}
	return list["generic"]
}
