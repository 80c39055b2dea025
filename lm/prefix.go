package lm

// CommonPrefix is the length of the longest common prefix of two sequences of tokens.
func CommonPrefix(a, b []int32) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
