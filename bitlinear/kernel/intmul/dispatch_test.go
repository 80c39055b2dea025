package intmul

import "testing"

// TestImplementationsAreWhole checks what the loops rely on: tiles from the most tokens to the
// fewest. The last tile serves a single token. Plain Go is the last implementation.
func TestImplementationsAreWhole(t *testing.T) {
	list := implementations()
	if last := list[len(list)-1]; last.name != "generic" {
		t.Errorf("the last implementation is %s, want generic", last.name)
	}
	for _, on := range list {
		for kind, tiles := range map[string][]tile{
			"ternary": on.ternary, "trits": on.trits, "signs": on.signs, "int4": on.int4, "int8": on.int8,
		} {
			most := maxTile + 1
			for _, tile := range tiles {
				if tile.run == nil || tile.tokens >= most {
					t.Errorf("%s, %s: a tile of %d tokens after one of %d", on.name, kind, tile.tokens, most)
				}
				most = tile.tokens
			}
			if most > 2 {
				t.Errorf("%s, %s: the last tile is for %d tokens", on.name, kind, most)
			}
		}
		if on.amx && (on.ternaryBytes == nil || on.tritsBytes == nil || on.signsBytes == nil || on.addParts == nil || on.int4Bytes == nil || on.int8Bytes == nil) {
			t.Errorf("%s has AMX, but not what makes its operands", on.name)
		}
	}
}

// TestAMXTakesManyTokens counts the blocks that are widened for AMX.
func TestAMXTakesManyTokens(t *testing.T) {
	for _, on := range implementations() {
		if !on.amx {
			continue
		}
		widened, widen := 0, on.ternaryBytes
		on.ternaryBytes = func(lines int, w, dst *byte) {
			widened++
			widen(lines, w, dst)
		}
		const k = 64
		w := RandomTernary(nil, Bits2, blockRows, k, 1)
		for m, want := range map[int]int{1: 0, amxFrom - 1: 0, amxFrom: 1, 40: 1} {
			widened = 0
			multiply(nil, w.product(&on, func(sums) {}), make([]int8, m*k), m)
			if widened != want {
				t.Errorf("%d tokens: %d blocks were widened for AMX, want %d", m, widened, want)
			}
		}
	}
}
