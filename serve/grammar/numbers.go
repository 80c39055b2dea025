package grammar

import (
	"math"
	"math/big"
	"slices"
	"strconv"
)

// numberType makes the rule of a number.
func (s *schemas) numberType(kind string, o *object, at string) ([]item, error) {
	lo, hi, err := s.bounds(o, at)
	if err != nil {
		return nil, err
	}
	if lo == nil && hi == nil {
		if kind == "integer" {
			return []item{s.integer()}, nil
		}
		return []item{s.number()}, nil
	}
	body, err := s.between(lo, hi, kind == "integer", at)
	return body, err
}

// bound is a limit of a number.
type bound struct {
	value *big.Rat
	open  bool // the limit itself is excluded
}

// bounds are the limits of a schema, nil for none.
func (s *schemas) bounds(o *object, at string) (lo, hi *bound, err error) {
	for _, b := range []struct {
		key   string
		limit **bound
		upper bool
		open  bool
	}{
		{"minimum", &lo, false, false}, {"exclusiveMinimum", &lo, false, true},
		{"maximum", &hi, true, false}, {"exclusiveMaximum", &hi, true, true},
	} {
		if !o.has(b.key) {
			continue
		}
		f, err := strconv.ParseFloat(string(o.values[b.key]), 64)
		if err != nil || math.Abs(f) > 1e15 {
			return nil, nil, errorf(at+"/"+b.key, "is %.40s: want a number up to 1e15", o.values[b.key])
		}
		// By its shortest decimals: an exponent that is far out would take all memory.
		value, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
		if old := *b.limit; old != nil {
			c := value.Cmp(old.value)
			if b.upper {
				c = -c
			}
			if c < 0 || c == 0 && old.open {
				continue
			}
		}
		*b.limit = &bound{value, b.open}
	}
	return lo, hi, nil
}

// fractionDigits is the most digits behind the point of a number with limits.
const fractionDigits = 6

// between makes a rule of the numbers between limits, as decimals without exponents: a number is
// an integer in units of its last digit, so numbers with k digits behind the point are integers
// between the limits times 10^k.
func (s *schemas) between(lo, hi *bound, whole bool, at string) ([]item, error) {
	var alternatives [][]item
	for k := 0; k <= fractionDigits; k++ {
		if whole && k > 0 {
			break
		}
		least, most := scaled(lo, k, false), scaled(hi, k, true)
		if least != nil && most != nil && least.Cmp(most) > 0 {
			continue
		}
		alternatives = append(alternatives, s.integers(least, most, k)...)
	}
	if len(alternatives) == 0 {
		return nil, errorf(at, "no number lies between the limits")
	}
	return []item{s.g.oneOf(alternatives...)}, nil
}

// scaled is the outermost integer within a limit times 10^k, nil for no limit.
func scaled(b *bound, k int, upper bool) *big.Int {
	if b == nil {
		return nil
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
	v := new(big.Rat).Mul(b.value, new(big.Rat).SetInt(scale))
	down, rest := new(big.Int).DivMod(v.Num(), v.Denom(), new(big.Int))
	isWhole := rest.Sign() == 0
	switch {
	case upper && isWhole && b.open:
		return down.Sub(down, big.NewInt(1))
	case !upper && (!isWhole || b.open):
		return down.Add(down, big.NewInt(1))
	}
	return down
}

// integers makes rules of the integers from least to most, nil for no limit, with a point before
// the last k digits.
func (s *schemas) integers(least, most *big.Int, k int) (alternatives [][]item) {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(maxDigits+int64(k)), nil)
	limit.Sub(limit, big.NewInt(1))
	if least == nil {
		least = new(big.Int).Neg(limit)
	}
	if most == nil {
		most = limit
	}
	if least.Sign() < 0 {
		top := new(big.Int).Neg(least)
		bottom := big.NewInt(1)
		if most.Sign() < 0 {
			bottom = new(big.Int).Neg(most)
		}
		for _, a := range s.positive(bottom, top, k) {
			alternatives = append(alternatives, append(text("-"), a...))
		}
	}
	if most.Sign() >= 0 {
		bottom := big.NewInt(0)
		if least.Sign() > 0 {
			bottom = least
		}
		alternatives = append(alternatives, s.positive(bottom, most, k)...)
	}
	return alternatives
}

// positive makes rules of the integers from lo to hi, at least 0, for each number of digits.
func (s *schemas) positive(lo, hi *big.Int, k int) (alternatives [][]item) {
	for digits := k + 1; digits <= len(hi.String()) || digits == k+1; digits++ {
		first := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits-1)), nil)
		last := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
		last.Sub(last, big.NewInt(1))
		if digits == k+1 {
			first = big.NewInt(0) // one digit before the point, which may be 0
		}
		from, to := maxInt(first, lo), minInt(last, hi)
		if from.Cmp(to) <= 0 {
			alternatives = append(alternatives, s.digits(padded(from, digits), padded(to, digits), k)...)
		}
	}
	return alternatives
}

func maxInt(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func minInt(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func padded(v *big.Int, digits int) string {
	s := v.String()
	for len(s) < digits {
		s = "0" + s
	}
	return s
}

// digits makes rules of the digits from lo to hi, texts of the same length, with a point before
// the last k.
func (s *schemas) digits(lo, hi string, k int) [][]item {
	n := len(lo)
	if n == 0 {
		return [][]item{nil}
	}
	var point []item
	if n == k {
		point = text(".")
	}
	free := true
	for i := range n {
		free = free && lo[i] == '0' && hi[i] == '9'
	}
	if free {
		return [][]item{s.freeDigits(n, k)}
	}
	if lo[0] == hi[0] {
		return s.lead(point, item{-1, lo[0], lo[0]}, s.digits(lo[1:], hi[1:], k))
	}
	nines, zeros := repeated('9', n-1), repeated('0', n-1)
	first, last := lo[0], hi[0]
	var out [][]item
	if lo[1:] != zeros {
		out = append(out, s.lead(point, item{-1, first, first}, s.digits(lo[1:], nines, k))...)
		first++
	}
	if hi[1:] != nines {
		out = append(out, s.lead(point, item{-1, last, last}, s.digits(zeros, hi[1:], k))...)
		last--
	}
	if first <= last {
		out = append(out, s.lead(point, item{-1, first, last}, s.digits(zeros, nines, k))...)
	}
	return out
}

// lead puts a digit, and a point before it, before alternatives.
func (s *schemas) lead(point []item, digit item, rest [][]item) [][]item {
	return [][]item{slices.Concat(point, []item{digit, s.g.oneOf(rest...)})}
}

// freeDigits is n digits with a point before the last k.
func (s *schemas) freeDigits(n, k int) (out []item) {
	for i := n; i > 0; i-- {
		if i == k {
			out = append(out, text(".")...)
		}
		out = append(out, item{-1, '0', '9'})
	}
	return out
}

func repeated(c byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = c
	}
	return string(b)
}
