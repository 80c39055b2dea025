//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// bf16Engines lists the engines that this machine can run, best first.
func bf16Engines() (list []bf16Engine) {
	if hasAMX && cpu.X86.HasAMXBF16 {
		list = append(list, bf16Engine{"amx", tilesBF16AMX})
	}
	if has512 && cpu.X86.HasAVX512BF16 {
		list = append(list, bf16Engine{"avx512bf16", tilesBF16x512})
	}
	return list
}

func tilesBF16AMX(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, next *byte) {
	amxTilesBF16(panels, steps, w, blockBytes, x, panelBytes, dst, more, &amxConfigs[amxHalf], next)
}

// amxTilesBF16 is amxTiles for bfloat16; see bf16Engine. It fetches the w of the next call.
//
//go:noescape
func amxTilesBF16(panels, steps int, w *byte, blockBytes int, x *byte, panelBytes int, dst *float32, more int, config *[64]byte, next *byte)
