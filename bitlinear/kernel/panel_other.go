//go:build !amd64 || purego

package kernel

func panelSets() []panelSet { return []panelSet{genericPanels} }
