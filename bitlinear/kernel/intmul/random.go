package intmul

import (
	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// RandomTernary makes a matrix of random weights, to measure speed. The same seed gives the same
// weights for any number of threads.
func RandomTernary(pool *parallel.Pool, f Format, n, k int, seed uint64) *Ternary {
	w := newTernary(f, n, k)
	codes := f.randomCodes()
	memory.FillRandom(pool, w.codes, w.blockBytes(), seed, func(dst []byte, bits uint64) {
		for i := range dst {
			dst[i] = codes[byte(bits>>(8*i))]
		}
	})
	return w
}

// RandomGrouped is RandomTernary for weights with a scale a group.
func RandomGrouped(pool *parallel.Pool, f GroupedForm, n, k int, seed uint64) (*Grouped, error) {
	w, err := newGrouped(f, n, k)
	if err != nil {
		return nil, err
	}
	codes := Bits2.randomCodes()
	memory.FillRandom(pool, w.codes, w.blockBytes(), seed, func(dst []byte, bits uint64) {
		for i := range dst {
			dst[i] = byte(bits >> (8 * i))
			if !f.Signs {
				dst[i] = codes[dst[i]]
			}
		}
	})
	w.scales = halves(memory.RandomF16(pool, w.scaleBytes()/2, seed))
	return w, nil
}

// randomCodes maps random bytes to the bytes that packed weights consist of, with about the same
// frequency.
func (f Format) randomCodes() (table [256]byte) {
	pack, digits, total := packBits2, 4, 81
	if f == Bits1_6 {
		pack, digits, total = packTrits, 5, 243
	}
	for i := range table {
		quads, line := make([]uint32, digits), make([]byte, 4)
		rest := i * total / len(table)
		for d := range quads {
			quads[d] = uint32(rest % 3)
			rest /= 3
		}
		pack(line, quads)
		table[i] = line[0]
	}
	return table
}
