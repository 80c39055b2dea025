//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var avx512Panels = panelSet{
	name:     "avx512",
	f32:      []panelTile[float32]{{8, panelF32AVX512x8}, {4, panelF32AVX512x4}, {2, panelF32AVX512x2}, {1, panelF32AVX512x1}},
	f16:      []panelTile[uint16]{{8, panelF16AVX512x8}, {4, panelF16AVX512x4}, {2, panelF16AVX512x2}, {1, panelF16AVX512x1}},
	int8:     []panelTile[int8]{{8, panelInt8AVX512x8}, {4, panelInt8AVX512x4}, {2, panelInt8AVX512x2}, {1, panelInt8AVX512x1}},
	lanes:    16,
	widenF16: widenF16AVX512, widenInt8: widenInt8AVX512, narrowF16: narrowF16AVX512, rotate: rotateAVX512,
}

var avx2Panels = panelSet{
	name:     "avx2",
	f32:      []panelTile[float32]{{2, panelF32AVX2x2}, {1, panelF32AVX2x1}},
	f16:      []panelTile[uint16]{{2, panelF16AVX2x2}, {1, panelF16AVX2x1}},
	int8:     []panelTile[int8]{{2, panelInt8AVX2x2}, {1, panelInt8AVX2x1}},
	lanes:    8,
	widenF16: widenF16AVX2, widenInt8: widenInt8AVX2, narrowF16: narrowF16AVX2, rotate: rotateAVX2,
}

// panelSets lists the implementations that this machine can run, best first.
func panelSets() []panelSet {
	list := []panelSet{genericPanels}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		list = append([]panelSet{avx2Panels}, list...)
	}
	if cpu.X86.HasAVX512F {
		list = append([]panelSet{avx512Panels}, list...)
	}
	return list
}
