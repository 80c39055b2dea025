//go:build !amd64 || purego

package kernel

const has512 = false

func vectorSets() []vectorSet { return []vectorSet{plainVectors} }
