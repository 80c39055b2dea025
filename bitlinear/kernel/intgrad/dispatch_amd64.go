//go:build !purego

package intgrad

import (
	"trit/bitlinear/kernel/amx"
	"trit/bitlinear/kernel/cpu"
)

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AMX {
		list = append(list, withAMX)
	}
	if cpu.AVX512VNNI {
		list = append(list, vnni)
	}
	return append(list, generic)
}

var (
	vnni = implementation{
		name: "avx512vnni", tiles: tiles512, bias: 0x80808080, maxima: maxima512, rows: rows512, columns: columns512,
		quads: quads512, store: store512, add: add512, stream: stream512,
	}
	withAMX = func() implementation {
		i := vnni
		i.name, i.tiles, i.bias = "amx", amx.PanelsNext, 0
		return i
	}()
)
