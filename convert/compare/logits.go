package compare

import (
	"fmt"
	"math"
)

// LogitsDifference is how the logits of two models differ on the same tokens.
type LogitsDifference struct {
	Tokens     int     `json:"tokens"`
	RelativeL2 float64 `json:"relative_l2"`
	Agree      int     `json:"agree"` // number of positions at which both have the same likeliest token
	KL         float64 `json:"kl"`    // mean Kullback-Leibler divergence of B from A, in nats
}

// Logits compares the logits [tokens, vocabulary] of two models, row by row.
func Logits(a, b []float32, vocabulary int) (*LogitsDifference, error) {
	if vocabulary < 1 || len(a) != len(b) || len(a) == 0 || len(a)%vocabulary != 0 {
		return nil, fmt.Errorf("%d and %d logits of a vocabulary of %d: want equally many rows", len(a), len(b), vocabulary)
	}
	l := &LogitsDifference{Tokens: len(a) / vocabulary}
	var e, size float64
	for i, v := range a {
		d := float64(v) - float64(b[i])
		e += d * d
		size += float64(v) * float64(v)
	}
	if l.RelativeL2 = math.Sqrt(e / size); e == 0 {
		l.RelativeL2 = 0
	}
	for row := range l.Tokens {
		x, y := a[row*vocabulary:][:vocabulary], b[row*vocabulary:][:vocabulary]
		if likeliest(x) == likeliest(y) {
			l.Agree++
		}
		l.KL += divergence(x, y) / float64(l.Tokens)
	}
	return l, nil
}

// String is the comparison in a line.
func (l *LogitsDifference) String() string {
	return fmt.Sprintf("logits after %d tokens: relative L2 %.3g, likeliest token equal at %d, divergence %.3g nats",
		l.Tokens, l.RelativeL2, l.Agree, l.KL)
}

func likeliest(logits []float32) (best int) {
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return best
}

// divergence is the sum of p log(p/q) over two rows of logits.
func divergence(x, y []float32) float64 {
	zx, zy, sum := logSum(x), logSum(y), 0.0
	for i, v := range x {
		lp, lq := float64(v)-zx, float64(y[i])-zy
		sum += math.Exp(lp) * (lp - lq)
	}
	return sum
}

func logSum(logits []float32) float64 {
	top, sum := float64(logits[likeliest(logits)]), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
