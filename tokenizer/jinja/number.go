package jinja

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// toBig is an int, bool or *big.Int as a *big.Int.
func toBig(v any) (*big.Int, bool) {
	switch x := v.(type) {
	case bool:
		return big.NewInt(int64(boolInt(x))), true
	case int:
		return big.NewInt(int64(x)), true
	case *big.Int:
		return x, true
	}
	return nil, false
}

// toInt is an index or a count: an int, a bool, or an int beyond as the largest.
func toInt(v any) (int, bool) {
	switch x := v.(type) {
	case bool:
		return boolInt(x), true
	case int:
		return x, true
	case *big.Int:
		if x.Sign() < 0 {
			return math.MinInt, true
		}
		return math.MaxInt, true
	}
	return 0, false
}

// mustInt is toInt, with Python's error for other types.
func mustInt(v any) int {
	if u, ok := v.(*undefined); ok {
		u.use()
	}
	n, ok := toInt(v)
	if !ok {
		typeError("'%s' object cannot be interpreted as an integer", typeName(v))
	}
	return n
}

// toFloat is a number as a float.
func toFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case bool:
		return float64(boolInt(x)), true
	case int:
		return float64(x), true
	case float64:
		return x, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		if math.IsInf(f, 0) {
			fail("OverflowError", "int too large to convert to float")
		}
		return f, true
	}
	return 0, false
}

// arithmetic is a binary operator on two numbers; ok is false for other types.
func arithmetic(op string, a, b any) (any, bool) {
	if x, ok := a.(int); ok {
		if y, ok := b.(int); ok {
			if n, ok := fastInt(op, x, y); ok {
				return n, true
			}
		}
	}
	if x, ok := toBig(a); ok {
		if y, ok := toBig(b); ok {
			return bigArithmetic(op, x, y), true
		}
	}
	if !isNumber(a) || !isNumber(b) {
		return nil, false
	}
	x, _ := toFloat(a)
	y, _ := toFloat(b)
	return floatArithmetic(op, x, y), true
}

// fastInt does what does not overflow.
func fastInt(op string, x, y int) (int, bool) {
	switch op {
	case "+":
		n := x + y
		return n, (n > x) == (y > 0)
	case "-":
		n := x - y
		return n, (n < x) == (y > 0)
	case "*":
		hi, lo := bits.Mul64(uint64(max(x, -x)), uint64(max(y, -y)))
		return x * y, hi == 0 && lo < 1<<62
	}
	return 0, false
}

func bigArithmetic(op string, x, y *big.Int) any {
	z := new(big.Int)
	switch op {
	case "+":
		return smallInt(z.Add(x, y))
	case "-":
		return smallInt(z.Sub(x, y))
	case "*":
		return smallInt(z.Mul(x, y))
	case "**":
		return bigPow(x, y)
	}
	if y.Sign() == 0 {
		fail("ZeroDivisionError", "division by zero")
	}
	if op == "/" {
		if x.Sign() == 0 {
			return math.Copysign(0, float64(y.Sign()))
		}
		f, _ := new(big.Rat).SetFrac(x, y).Float64()
		if math.IsInf(f, 0) {
			fail("OverflowError", "integer division result too large for a float")
		}
		return f
	}
	quotient, remainder := new(big.Int).QuoRem(x, y, new(big.Int))
	if remainder.Sign() != 0 && remainder.Sign() != y.Sign() {
		quotient.Sub(quotient, big.NewInt(1))
		remainder.Add(remainder, y)
	}
	if op == "//" {
		return smallInt(quotient)
	}
	return smallInt(remainder)
}

func bigPow(x, y *big.Int) any {
	if y.Sign() < 0 {
		a, _ := toFloat(x)
		b, _ := toFloat(y)
		return floatArithmetic("**", a, b)
	}
	if x.BitLen() > 1 && (!y.IsInt64() || y.Int64() > maxIntBits || x.BitLen()*int(y.Int64()) > 2*maxIntBits) {
		panic(&LimitError{Limit: "bits of an integer", Max: maxIntBits})
	}
	if x.BitLen() <= 1 { // -1, 0 or 1: the exponent may be of any size
		y = big.NewInt(int64(y.Sign()) * (2 - int64(y.Bit(0))))
	}
	return smallInt(new(big.Int).Exp(x, y, nil))
}

func floatArithmetic(op string, x, y float64) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "**":
		return floatPow(x, y)
	}
	if y == 0 {
		fail("ZeroDivisionError", "float division by zero")
	}
	if op == "/" {
		return x / y
	}
	remainder := math.Mod(x, y)
	quotient := (x - remainder) / y
	if remainder != 0 && (remainder < 0) != (y < 0) {
		remainder += y
		quotient--
	}
	if remainder == 0 {
		remainder = math.Copysign(0, y)
	}
	if op == "%" {
		return remainder
	}
	floor := math.Floor(quotient)
	if quotient-floor > 0.5 {
		floor++
	}
	if quotient == 0 {
		floor = math.Copysign(0, x/y)
	}
	return floor
}

func floatPow(x, y float64) any {
	if x == 0 && y < 0 {
		fail("ZeroDivisionError", "0.0 cannot be raised to a negative power")
	}
	if x < 0 && y != math.Trunc(y) && !math.IsInf(x, 0) {
		valueError("complex numbers are not supported")
	}
	f := math.Pow(x, y)
	if n := int(y); float64(n) == y && n != 0 && n > -1100 && n < 1100 && x != 0 && !math.IsInf(x, 0) && !math.IsNaN(x) {
		f = exactPow(x, n)
	}
	if math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		fail("OverflowError", "(34, 'Numerical result out of range')")
	}
	return f
}

// exactPow is x to the power of n, rounded once: math.Pow is less exact than C's pow.
func exactPow(x float64, n int) float64 {
	power, square := big.NewFloat(1).SetPrec(300), big.NewFloat(x).SetPrec(300)
	for k := max(n, -n); k > 0; k >>= 1 {
		if k&1 == 1 {
			power.Mul(power, square)
		}
		square.Mul(square, square)
	}
	if n < 0 {
		power.Quo(big.NewFloat(1).SetPrec(300), power)
	}
	f, _ := power.Float64()
	return f
}

// floatText is repr() of a float.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// floatToInt is int() of a float.
func floatToInt(f float64) any {
	if math.IsNaN(f) {
		valueError("cannot convert float NaN to integer")
	}
	if math.IsInf(f, 0) {
		fail("OverflowError", "cannot convert float infinity to integer")
	}
	n, _ := big.NewFloat(math.Trunc(f)).Int(nil)
	return smallInt(n)
}

// numeral takes the spaces and underscores off a number as Python's int() and float()
// allow them.
func numeral(s string) (string, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || len(s) > maxDigits {
		return "", false
	}
	return strings.ReplaceAll(s, "_", ""), s != ""
}

// parseFloat is float() of a text.
func parseFloat(s string) (float64, bool) {
	s, ok := numeral(s)
	if !ok || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// roundFloat is round(f, digits): to even where two are equally near.
func roundFloat(f float64, digits int) float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) || digits > 323 {
		return f
	}
	if digits < -308 {
		return math.Copysign(0, f)
	}
	if digits >= 0 {
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
		return r
	}
	unit := math.Pow(10, float64(-digits))
	return math.RoundToEven(f/unit) * unit
}

// roundInt is round(n, digits) with negative digits.
func roundInt(n *big.Int, digits int) any {
	if digits >= 0 {
		return smallInt(n)
	}
	if digits < -maxDigits {
		return 0
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-digits)), nil)
	floor, rest := new(big.Int).DivMod(n, unit, new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(unit)
	if twice > 0 || twice == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return smallInt(floor.Mul(floor, unit))
}
