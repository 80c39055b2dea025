//go:build !purego

package intgrad

import (
	"trit/bitlinear/kernel/amx"
	"trit/bitlinear/kernel/cpu"
)

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AMX {
		list = append(list, vnni.with("amx", amx.PanelsNext, 0))
	}
	if cpu.AVX512VNNI {
		list = append(list, vnni)
	}
	if cpu.AVXVNNI {
		list = append(list, avx2.with("avxvnni", tilesAVXVNNI, unsigned))
	}
	if cpu.AVX2 {
		list = append(list, avx2)
	}
	return append(list, generic)
}

// activationTilesAVX2 widens up to 8 steps.
var _ [8 - chunk]struct{}

// unsigned is the bias of tiles that read the left operand without a sign.
const unsigned = 0x80808080

var (
	vnni = implementation{
		name: "avx512vnni", codes: tiles{tiles512, unsigned}, activations: tiles{tiles512, unsigned},
		maxima: maxima512, rows: rows512, columns: columns512, quads: quads512,
		store: store512, add: add512, stream: stream512,
	}
	avx2 = implementation{
		name: "avx2", codes: tiles{codeTilesAVX2, unsigned}, activations: tiles{run: activationTilesAVX2},
		maxima: maxima256, rows: rows256, columns: columns256, quads: quads256,
		store: store256, add: add256, stream: stream256,
	}
)
