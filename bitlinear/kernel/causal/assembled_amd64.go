//go:build !purego

package causal

// assembled says that the loops between products are there.
const assembled = true
