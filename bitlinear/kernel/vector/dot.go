package vector

// Dot is the sum of x[i]*y[i] over the length of x.
func Dot(x, y []float32) float32 {
	n := lanes(len(x))
	y = y[:len(x)]
	s := dotGeneric(x[n:], y[n:])
	if n > 0 {
		s += chosen.dot(n, &x[0], &y[0])
	}
	return s
}

// DotF16 is Dot with w in half precision.
func DotF16(w []uint16, x []float32) float32 {
	n := lanes(len(x))
	w = w[:len(x)]
	s := dotF16Generic(w[n:], x[n:])
	if n > 0 {
		s += chosen.dotF16(n, &w[0], &x[0])
	}
	return s
}

// DotF16Rows is DotF16 of each row of w [len(y),len(x)], with the same bits. It reads several rows
// at once, which is faster.
func DotF16Rows(y []float32, w []uint16, x []float32) {
	k, r := len(x), 0
	w = w[:len(y)*k]
	if k > 0 && lanes(k) == k {
		for ; r+4 <= len(y); r += 4 {
			chosen.dotF16Rows(k, &w[r*k], 2*k, &x[0], &y[r])
		}
	}
	for ; r < len(y); r++ {
		y[r] = DotF16(w[r*k:], x)
	}
}

// HasRowTiles reports whether DotRows multiplies a row by several tokens for each time that it
// reads the row. Without tiles it is Dot for each row and token.
func HasRowTiles() bool { return chosen.tiles != nil }

// DotRows writes y[t*stride+r] = rows[r] . x[t] for rows [R,k] and tokens x [m,k], with
// the bits of Dot. See HasRowTiles.
func DotRows(y []float32, stride int, rows, x []float32, k int) {
	count, m, n := len(rows)/k, len(x)/k, lanes(k)
	if !HasRowTiles() || n == 0 {
		dotRows(y, stride, rows, x, k)
		return
	}
	whole := count &^ 3
	for t := 0; t < m; {
		tile := chooseTile(m - t)
		for r := 0; r < whole; r += 4 {
			out := y[t*stride+r:]
			_ = out[(tile.tokens-1)*stride+3]
			tile.run(n, &rows[r*k], &x[t*k], k, &out[0], stride)
		}
		t += tile.tokens
	}
	if n < k {
		addTails(y, stride, rows[:whole*k], x, k, n)
	}
	dotRows(y[whole:], stride, rows[whole*k:], x, k)
}

func dotRows(y []float32, stride int, rows, x []float32, k int) {
	for t := range len(x) / k {
		for r := range len(rows) / k {
			y[t*stride+r] = Dot(rows[r*k:][:k], x[t*k:][:k])
		}
	}
}

// addTails adds the products of the columns from n on.
func addTails(y []float32, stride int, rows, x []float32, k, n int) {
	for t := range len(x) / k {
		for r := range len(rows) / k {
			y[t*stride+r] += dotGeneric(rows[r*k+n:][:k-n], x[t*k+n:][:k-n])
		}
	}
}

// chooseTile returns the tile of the most tokens that fit.
func chooseTile(tokens int) tile {
	for _, t := range chosen.tiles {
		if t.tokens <= tokens {
			return t
		}
	}
	panic("vector: no tile for a single token")
}
