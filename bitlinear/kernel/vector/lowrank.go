package vector

// AddLowRank adds scale times the product of b [R] and a [R,len(dst)] to dst: of an adapter, a row
// of scale*B*A to a row of weights. Training and merging both use it, so that they round the same
// sums.
func AddLowRank(dst, b, a []float32, scale float32) {
	for i, v := range b {
		Axpy(scale*v, a[i*len(dst):][:len(dst)], dst)
	}
}
