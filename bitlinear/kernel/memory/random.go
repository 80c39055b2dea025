package memory

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

// RandomF16 makes n values of 0.008 to 0.016 in half precision, of both signs. The same seed
// gives the same values for any number of threads.
func RandomF16(pool *parallel.Pool, n int, seed uint64) []byte {
	data := Allocate(2 * n)
	FillRandom(pool, data, 1<<16, seed, func(dst []byte, bits uint64) {
		bits = bits&0x83ff_83ff_83ff_83ff | 0x2000_2000_2000_2000
		for i := range dst {
			dst[i] = byte(bits >> (8 * i))
		}
	})
	return data
}

// FillRandom fills data through write, which gets random bits for up to eight bytes at a time.
// Each block of bytes has its own generator, so the same seed gives the same bits for any number
// of threads.
func FillRandom(pool *parallel.Pool, data []byte, block int, seed uint64, write func(dst []byte, bits uint64)) {
	pool.Chunks((len(data)+block-1)/block, 1, func(lo, hi int) {
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
