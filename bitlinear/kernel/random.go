package kernel

import "trit/internal/parallel"

// splitMix is a generator of 64 bits (Steele, Lea and Flood, 2014), small enough for a
// state of its own in each block.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// RandomTernary makes a matrix of random weights on all threads, to measure speed. The
// same seed gives the same weights for any number of threads.
func RandomTernary(f Format, n, k int, seed uint64) *Ternary {
	w := newTernary(f, n, k)
	codes := f.randomCodes()
	fillRandom(w.codes, w.blockBytes(), seed, func(dst []byte, bits uint64) {
		for i := range dst {
			dst[i] = codes[byte(bits>>(8*i))]
		}
	})
	return w
}

// RandomF16 makes values of 0.008 to 0.016 in half precision, of both signs, on all
// threads. The same seed gives the same values for any number of threads.
func RandomF16(n int, seed uint64) []byte {
	data := allocate(2 * n)
	fillRandom(data, 1<<16, seed, func(dst []byte, bits uint64) {
		bits = bits&0x83ff_83ff_83ff_83ff | 0x2000_2000_2000_2000
		for i := range dst {
			dst[i] = byte(bits >> (8 * i))
		}
	})
	return data
}

// fillRandom has write fill data with random bits, up to eight bytes at a time; each block
// has its own generator.
func fillRandom(data []byte, block int, seed uint64, write func(dst []byte, bits uint64)) {
	parallel.Chunks(ceil(len(data), block), 1, func(lo, hi int) {
		for b := lo; b < hi; b++ {
			r := splitMix(seed<<32 + uint64(b))
			r = splitMix(r.next())
			for part := data[b*block : min((b+1)*block, len(data))]; len(part) > 0; {
				n := min(8, len(part))
				write(part[:n], r.next())
				part = part[n:]
			}
		}
	})
}

// randomCodes maps random bytes to the bytes that packed weights consist of, each about as
// often.
func (f Format) randomCodes() (table [256]byte) {
	pack, digits, total := packBits2, 4, 81
	if f == Bits16 {
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
