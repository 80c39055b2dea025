//go:build !purego

package intgrad

import (
	"trit/bitlinear/kernel/amx"
	"trit/bitlinear/kernel/cpu"
)

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AMX {
		plain := generic
		plain.name, plain.tiles = "amx", amx.Panels
		list = append(list, plain)
	}
	return append(list, generic)
}
