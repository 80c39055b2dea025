//go:build !purego

package attention

import "trit/bitlinear/kernel/cpu"

// implementations lists the implementations that this processor can run, the best first.
func implementations() (list []implementation) {
	if cpu.AVX512 {
		list = append(list, avx512)
	}
	if cpu.FMA {
		list = append(list, avx2)
	}
	return append(list, generic)
}

var avx512 = implementation{
	name: "avx512",
	f32:  []tile[float32]{{8, panelF32AVX512x8}, {4, panelF32AVX512x4}, {2, panelF32AVX512x2}, {1, panelF32AVX512x1}},
	f16:  []tile[uint16]{{8, panelF16AVX512x8}, {4, panelF16AVX512x4}, {2, panelF16AVX512x2}, {1, panelF16AVX512x1}},
	int8: []tile[int8]{{8, panelInt8AVX512x8}, {4, panelInt8AVX512x4}, {2, panelInt8AVX512x2}, {1, panelInt8AVX512x1}},
}

var avx2 = implementation{
	name: "avx2",
	f32:  []tile[float32]{{2, panelF32AVX2x2}, {1, panelF32AVX2x1}},
	f16:  []tile[uint16]{{2, panelF16AVX2x2}, {1, panelF16AVX2x1}},
	int8: []tile[int8]{{2, panelInt8AVX2x2}, {1, panelInt8AVX2x1}},
}
