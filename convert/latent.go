package convert

import (
	"fmt"
	"math"

	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/internal/float16"
	"trit/model"
)

// mastered is a store that can give the latent weights behind a ternary one.
type mastered interface {
	latent(spec model.TensorSpec, ternary *tensor, typ gguf.Type) (*tensor, error)
}

func (f *folder) latent(spec model.TensorSpec, t *tensor, typ gguf.Type) (*tensor, error) {
	rows, k := shape(spec)
	info, _ := f.model.Weights.Tensor(f.name(spec))
	latent, err := denseTensor(f.model.Weights, info, rows, k)
	if err != nil {
		return nil, err
	}
	return keepCodes(latent, t, typ)
}

func (g *ggufFile) latent(spec model.TensorSpec, t *tensor, typ gguf.Type) (*tensor, error) {
	rows, k := shape(spec)
	info, _ := g.file.Tensor(spec.GGUF)
	latent, err := ggufTensor(g.file, info, rows, k)
	if err != nil {
		return nil, err
	}
	return keepCodes(latent, t, typ)
}

// keepCodes gives latent weights whose rounding to a 16-bit type does not change the model:
// those that would pass a border between ternary values stay on their side of it. Rounding
// moves the scale a little and the borders with it, so it is found first.
func keepCodes(latent, ternary *tensor, typ gguf.Type) (*tensor, error) {
	if typ == gguf.F32 || latent.dtype == typ.String() {
		return latent, nil
	}
	before := absmeanCode(1 / ternary.scale)
	s, err := sumsOf(roundedBy(latent, typ, before, before))
	if err != nil {
		return nil, err
	}
	after := absmeanCode(1 / float32(max(s.magnitude/float64(latent.rows*latent.k), quant.MinScale)))
	return roundedBy(latent, typ, before, after), nil
}

// roundedBy rounds weights to a 16-bit type so that their codes after it are those before.
func roundedBy(latent *tensor, typ gguf.Type, before, after func(float32) byte) *tensor {
	out := *latent
	out.halves = nil
	half := halfType(typ)
	out.floats = func(dst []float32, row int) error {
		if err := latent.floats(dst, row); err != nil {
			return err
		}
		for i, w := range dst {
			bits := half.bits(w)
			if dst[i] = half.value(bits); after(dst[i]) == before(w) {
				continue
			}
			if after(dst[i]) == 1 { // bits are sign and size: the next ones are farther from zero
				bits++
			} else {
				bits--
			}
			dst[i] = half.value(bits)
		}
		return nil
	}
	return &out
}

// half converts to and from one of the two 16-bit types.
type half struct {
	bits  func(float32) uint16
	value func(uint16) float32
}

func halfType(typ gguf.Type) half {
	if typ == gguf.BF16 {
		return half{float16.BBits, float16.BFromBits}
	}
	return half{float16.Bits, float16.FromBits}
}

// synthetic makes latent weights for a model that has none left: weights whose absmean is
// the scale and which round to the codes. Zeros stay zero; all others get the size s/p, where
// p is the share of weights that are not zero, so that the mean of sizes is s. No type holds
// s/p itself: so many weights get the value below it, and the others the one above, that the
// sum falls short by less than their difference. The first of the zeros share that.
func synthetic(t *tensor, typ gguf.Type) (*tensor, error) {
	rows, err := nonzeros(t)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	before := make([]int64, t.rows) // weights that are not zero above each row
	for row, n := range rows {
		before[row] = total
		total += n
	}
	l := levelsOf(t.scale, int64(t.rows*t.k), total, typ)
	if !(l.high <= math.MaxFloat32) {
		return nil, fmt.Errorf("latent weights of a scale of %g, %d of %d not zero, are larger than %s can hold: take another type", t.scale, total, t.rows*t.k, typ)
	}
	out := &tensor{dtype: typ.String(), rows: t.rows, k: t.k, release: t.release}
	out.floats = func(dst []float32, row int) error {
		codes := make([]byte, t.k)
		if err := t.codes(codes, row); err != nil {
			return err
		}
		l.fill(dst, codes, before[row], int64(row*t.k)-before[row])
		return nil
	}
	return out, nil
}

// levels are the sizes of synthetic weights.
type levels struct {
	low, high float32
	lows      int64     // how many get the lower one
	rests     []float32 // what the first of the zeros get
}

func levelsOf(scale float32, weights, nonzero int64, typ gguf.Type) (l levels) {
	if nonzero == 0 {
		return l
	}
	sum := float64(scale) * float64(weights)
	l.low, l.high = around(sum/float64(nonzero), typ)
	step := float64(l.high) - float64(l.low)
	l.lows = min(nonzero, int64(math.Ceil((float64(l.high)*float64(nonzero)-sum)/step)))
	rest := sum - float64(l.low)*float64(l.lows) - float64(l.high)*float64(nonzero-l.lows)
	l.rests = restsOf(rest, float64(scale)/4, weights-nonzero, typ)
	return l
}

// restsOf splits a rest into values of a type for so many zeros at most, none of them so
// large that it would be rounded away from zero.
func restsOf(rest, largest float64, zeros int64, typ gguf.Type) (out []float32) {
	for int64(len(out)) < zeros {
		v, _ := around(min(rest, largest), typ)
		if !(v > 0) {
			break
		}
		out = append(out, v)
		rest -= float64(v)
	}
	return out
}

// fill makes a row, above which there are so many weights that are not zero, and zeros.
func (l *levels) fill(dst []float32, codes []byte, nonzero, zeros int64) {
	for i, c := range codes {
		switch {
		case c != 1 && nonzero < l.lows:
			dst[i] = l.low * (float32(c) - 1)
		case c != 1:
			dst[i] = l.high * (float32(c) - 1)
		case zeros < int64(len(l.rests)):
			dst[i] = l.rests[zeros]
		default:
			dst[i] = 0
		}
		if c == 1 {
			zeros++
		} else {
			nonzero++
		}
	}
}

// around are the two values of a type that a positive number lies between.
func around(v float64, typ gguf.Type) (low, high float32) {
	if typ == gguf.F32 {
		if low = float32(v); float64(low) > v {
			low = math.Nextafter32(low, 0)
		}
		return low, math.Nextafter32(low, math.MaxFloat32)
	}
	half := halfType(typ)
	bits := half.bits(float32(v))
	if float64(half.value(bits)) > v {
		bits--
	}
	return half.value(bits), half.value(bits + 1)
}

// nonzeros counts the weights of each row that are not zero.
func nonzeros(t *tensor) ([]int64, error) {
	counts := make([]int64, t.rows)
	err := eachRows([]*tensor{t}, func(lo, hi int) error {
		codes := make([]byte, t.k)
		for row := lo; row < hi; row++ {
			if err := t.codes(codes, row); err != nil {
				return err
			}
			counts[row] = int64(t.k) - countZeros(codes)
		}
		return nil
	})
	return counts, err
}
