package statistics

import "math"

// Normal is the quantile of the standard normal distribution.
func Normal(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// NormalP is the two-sided probability of a normal deviate of at least this size.
func NormalP(difference, stderr float64) float64 {
	if difference == 0 {
		return 1
	}
	return math.Erfc(math.Abs(difference) / stderr / math.Sqrt2)
}

// Student is the quantile of Student's distribution.
func Student(p, freedom float64) float64 {
	if p < 0.5 {
		return -Student(1-p, freedom)
	}
	x := betaQuantile(2*(1-p), freedom/2, 0.5)
	return math.Sqrt(freedom * (1 - x) / x)
}

// StudentP is the two-sided probability of a deviate of Student's distribution of at least this
// size.
func StudentP(difference, stderr, freedom float64) float64 {
	if difference == 0 {
		return 1
	}
	t := difference / stderr
	if math.IsInf(t, 0) {
		return 0
	}
	return beta(freedom/(freedom+t*t), freedom/2, 0.5)
}

// beta is the regularised incomplete beta function, the probability that a variable of the
// distribution Beta(a, b) is below x.
func beta(x, a, b float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) { // the fraction converges fast below the mean
		return 1 - beta(1-x, b, a)
	}
	sum, _ := math.Lgamma(a + b)
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	front := math.Exp(sum - ga - gb + a*math.Log(x) + b*math.Log1p(-x))
	return front * betaFraction(x, a, b) / a
}

// betaFraction is the continued fraction of the incomplete beta function, by Lentz's method: of
// numerators and denominators only the ratios of successive ones are kept.
func betaFraction(x, a, b float64) float64 {
	const tiny, steps = 1e-300, 10000
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/nonzero(1-(a+b)*x/(a+1))
	value := d
	for i := range steps {
		m := float64(i + 1)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		for _, term := range []float64{even, odd} {
			d, c = 1/nonzero(1+term*d), nonzero(1+term/c)
			value *= d * c
		}
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return value
}

// betaQuantile is the x below which a variable of Beta(a, b) is with probability p.
func betaQuantile(p, a, b float64) float64 {
	return bisect(0, 1, func(x float64) bool { return beta(x, a, b) >= p })
}

// bisect is the least value between low and high that passes; values above it pass too.
func bisect(low, high float64, passes func(float64) bool) float64 {
	for range 200 {
		middle := (low + high) / 2
		if middle == low || middle == high {
			break
		}
		if passes(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
