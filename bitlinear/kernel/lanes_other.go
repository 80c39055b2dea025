//go:build !amd64 || purego

package kernel

func vectorSets() []vectorSet { return []vectorSet{plainVectors} }
