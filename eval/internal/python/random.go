package python

import "math/bits"

// Random is CPython's random.Random: the Mersenne twister MT19937, seeded by an integer.
type Random struct {
	state [624]uint32
	at    int
}

// NewRandom is random.Random(seed).
func NewRandom(seed uint32) *Random {
	r := &Random{at: 624}
	s := &r.state
	s[0] = 19650218
	for i := 1; i < 624; i++ {
		s[i] = 1812433253*(s[i-1]^s[i-1]>>30) + uint32(i)
	}
	i := 1
	step := func() {
		if i++; i == 624 {
			s[0], i = s[623], 1
		}
	}
	for range 624 { // the key is the seed alone, so its index is always 0
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + seed
		step()
	}
	for range 623 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i)
		step()
	}
	s[0] = 1 << 31
	return r
}

func (r *Random) uint32() uint32 {
	if r.at == 624 {
		r.twist()
	}
	y := r.state[r.at]
	r.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (r *Random) twist() {
	s := &r.state
	for i := range 624 {
		y := s[i]&(1<<31) | s[(i+1)%624]&(1<<31-1)
		s[i] = s[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
	}
	r.at = 0
}

// below is Random._randbelow: it draws as many bits as n has until they are below n.
func (r *Random) below(n int) int {
	k := bits.Len(uint(n))
	for {
		if v := int(r.uint32() >> (32 - k)); v < n {
			return v
		}
	}
}

// Sample is random.sample(range(n), k).
func (r *Random) Sample(n, k int) []int {
	out := make([]int, k)
	setSize := 21
	if k > 5 { // 4 ** ceil(log(3k, 4))
		p := 1
		for p < 3*k {
			p *= 4
		}
		setSize += p
	}
	if n <= setSize {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range out {
			j := r.below(n - i)
			out[i], pool[j] = pool[j], pool[n-i-1]
		}
		return out
	}
	taken := map[int]bool{}
	for i := range out {
		j := r.below(n)
		for taken[j] {
			j = r.below(n)
		}
		taken[j], out[i] = true, j
	}
	return out
}

// Choice is an index of random.choices(range(n), k=...): the random number from 0 to 1 with 53 bits,
// times n, rounded down.
func (r *Random) Choice(n int) int {
	high, low := r.uint32()>>5, r.uint32()>>6
	return int((float64(high)*(1<<26) + float64(low)) / (1 << 53) * float64(n))
}

// Shuffle is random.shuffle: swap exchanges two of n elements.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.below(i+1))
	}
}
