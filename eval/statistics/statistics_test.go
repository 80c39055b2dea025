package statistics

import (
	"fmt"
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

func TestMcNemar(t *testing.T) {
	// Two-sided binomial probabilities at one half, by hand: 2*(1+5)/2^5, 2*1/2^10.
	for _, c := range []struct {
		a, b int
		want float64
	}{{1, 4, 0.375}, {0, 10, 2. / 1024}, {5, 5, 1}, {0, 0, 1}, {3, 0, 0.25}} {
		near(t, fmt.Sprint(c.a, " to ", c.b), McNemar(c.a, c.b), c.want, 1e-12)
	}
}

// Quantiles with closed forms: of one degree of freedom the distribution is Cauchy's, of two
// t = u*sqrt(2/(1-u^2)) with u = 2p-1; Beta(a, 1) is x^a.
func TestDistributions(t *testing.T) {
	for _, p := range []float64{0.6, 0.8, 0.975, 0.999} {
		near(t, "t of 1", Student(p, 1), math.Tan(math.Pi*(p-0.5)), 1e-9)
		u := 2*p - 1
		near(t, "t of 2", Student(p, 2), u*math.Sqrt(2/(1-u*u)), 1e-9)
		near(t, "of the other side", Student(1-p, 2), -Student(p, 2), 1e-9)
		near(t, "t of many", Student(p, 1e7), Normal(p), 1e-5)
		near(t, "beta", beta(p, 3.5, 1), math.Pow(p, 3.5), 1e-12)
		near(t, "the other beta", beta(p, 1, 3.5), 1-math.Pow(1-p, 3.5), 1e-12)
		for _, freedom := range []float64{1, 7, 56, 14041} {
			near(t, "there and back", StudentP(Student(p, freedom), 1, freedom), 2*(1-p), 1e-8)
		}
	}
	near(t, "normal", Normal(0.975), 1.959963984540054, 1e-9)
	near(t, "two-sided", NormalP(2*1.959963984540054, 2), 0.05, 1e-12)
	if StudentP(0, 0, 5) != 1 || NormalP(0, 0) != 1 || StudentP(1, 0, 5) != 0 {
		t.Error("a difference of 0 is no difference, one without an error is certain")
	}
}

// Values of the textbooks and of closed forms: of none, Wilson's upper bound is z^2/(n+z^2), and
// that of Clopper and Pearson 1-(a/2)^(1/n).
func TestIntervals(t *testing.T) {
	z2 := math.Pow(Normal(0.975), 2)
	none := Wilson(0, 20, 0.95)
	near(t, "Wilson of none", none.High, z2/(20+z2), 1e-12)
	near(t, "low", none.Low, 0, 0)
	near(t, "Wilson of all", Wilson(1, 20, 0.95).Low, 20/(20+z2), 1e-12)
	near(t, "exact of none", Exact(0, 20, 0.95).High, 1-math.Pow(0.025, 1./20), 1e-9)
	near(t, "exact of all", Exact(20, 20, 0.95).Low, math.Pow(0.025, 1./20), 1e-9)
	w := Wilson(0.3, 50, 0.95) // both ends solve |p-share| = z*sqrt(p(1-p)/n)
	for _, p := range []float64{w.Low, w.High} {
		near(t, "Wilson's equation", math.Pow(p-0.3, 2), z2*p*(1-p)/50, 1e-12)
	}
	for k := 1; k < 12; k++ { // each end leaves a tail of 2.5 %
		e, below, above := Exact(k, 12, 0.95), 0.0, 0.0
		for j := range 13 {
			if j >= k {
				above += binomial(j, 12, e.Low)
			}
			if j <= k {
				below += binomial(j, 12, e.High)
			}
		}
		near(t, "tail above", above, 0.025, 1e-9)
		near(t, "tail below", below, 0.025, 1e-9)
	}
	if c := ClusteredShare(1, 0, 30, 0.95); c != Wilson(1, 30, 0.95) {
		t.Errorf("all right in 30 clusters: %v", c)
	}
	if c := Around(0.5, 0, 10, 0.95); c != (Interval{0.5, 0.5}) {
		t.Errorf("without an error: %v", c)
	}
}

func binomial(k, n int, p float64) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	chosen, _ := math.Lgamma(float64(k + 1))
	rest, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(all - chosen - rest + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// The clustered error against the formula written apart: the double sum over pairs of documents of
// one cluster, as Liang and Zeger have it.
func TestClusteredMeanIsTheDoubleSum(t *testing.T) {
	values := []float64{1, 0, 1, 1, 0, 0, 1, 0.5, 1}
	clusters := []string{"a", "b", "a", "c", "b", "b", "", "c", ""}
	n, mean := float64(len(values)), 5.5/9
	sum := 0.0
	for i, x := range values {
		for j, y := range values {
			if i == j || clusters[i] != "" && clusters[i] == clusters[j] {
				sum += (x - mean) * (y - mean)
			}
		}
	}
	got := ClusteredMean(values, clusters)
	near(t, "value", got.Value, mean, 1e-12)
	near(t, "stderr", got.Stderr, math.Sqrt(5./4*sum)/n, 1e-12)
	if got.Clusters != 5 {
		t.Errorf("%d clusters, want a, b, c and two alone", got.Clusters)
	}
	_, alone := Mean(values)
	near(t, "without clusters", ClusteredMean(values, nil).Stderr, alone, 1e-12)
	copied := ClusteredMean(append(values, values...), []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "1", "2", "3", "4", "5", "6", "7", "8", "9"})
	near(t, "each document twice", copied.Stderr, alone, 1e-12)
	if !math.IsNaN(ClusteredMean([]float64{1, 0}, []string{"a", "a"}).Stderr) {
		t.Error("one cluster has no error")
	}
}

// A ratio of sums against the delta method by hand: the variance of value - ratio*weight.
func TestRatio(t *testing.T) {
	nats, bytes := []float64{10, 21, 29, 42}, []float64{5, 10, 15, 20}
	r := 102. / 50
	squares := 0.0
	for i := range nats {
		squares += math.Pow(nats[i]-r*bytes[i], 2)
	}
	got := Ratio(nats, bytes, nil)
	near(t, "ratio", got.Value, r, 1e-12)
	near(t, "stderr", got.Stderr, math.Sqrt(4./3*squares)/50, 1e-12)
}

// Closed forms; a needed number is the one whose least difference is the one seen.
func TestPower(t *testing.T) {
	z := Normal(0.975) + Normal(0.8) // x^2 - 1 = z*x, where x^2 are the documents on one side, of very many
	near(t, "one-sided", LeastMcNemar(1e8, 0)*1e8, math.Pow((z+math.Sqrt(z*z+4))/2, 2), 1e-4)
	n := NeededMcNemar(0.03, 0.1)
	near(t, "there and back", LeastMcNemar(int(n), 0.1), 0.03, 1e-4)
	near(t, "needed", Needed(0.02, 0.01, 100), math.Ceil(100*math.Pow((Normal(0.975)+Normal(0.8))/2, 2)), 0)
	near(t, "least", Least(0.01, 1e7), 0.01*(Normal(0.975)+Normal(0.8)), 1e-6)
	if !math.IsInf(Needed(0, 0.1, 10), 1) || !math.IsInf(NeededMcNemar(0, 0.1), 1) {
		t.Error("no number of documents shows no difference")
	}
}

// The mean of a group by hand, with both of the harness's weights, and what it is of one stratum.
func TestStratified(t *testing.T) {
	strata := [][]float64{{1, 0, 0, 1}, {1, 1, 0, 1, 1, 1}, {0.5}}
	mean, stderr := Stratified(strata, []float64{4, 6, 1})
	near(t, "by documents", mean, 7.5/11, 1e-12)
	rest := 0.5 - 7.5/11 // variances 1/3 and 1/6
	near(t, "its error", stderr, math.Sqrt(4*4/3./4+6*6/6./6+rest*rest)/11, 1e-12)
	mean, stderr = Stratified(strata[:2], []float64{1, 1})
	near(t, "of means", mean, (0.5+5./6)/2, 1e-12)
	near(t, "its error", stderr, math.Sqrt(1./12+1./36)/2, 1e-12)
	mean, stderr = Stratified(strata[1:2], []float64{7})
	wantMean, wantStderr := Mean(strata[1])
	near(t, "of one stratum", mean, wantMean, 1e-12)
	near(t, "its error", stderr, wantStderr, 1e-12)
}

// Of equal weights it is the mean's own error; of others, the expectation of the variance is the true one: for
// means of variance 1, the sum of the squares of the shares, whatever part of a mean the residuals lack.
func TestUneven(t *testing.T) {
	means := []float64{0.1, 0.5, 0.4, 0.9}
	c, freedom := Uneven(means, []float64{3, 3, 3, 3})
	mean, stderr := Mean(means)
	near(t, "mean", c.Value, mean, 1e-12)
	near(t, "stderr", c.Stderr, stderr, 1e-12)
	near(t, "freedom", freedom, 3, 1e-12)
	weights, expected := []float64{1, 2, 5}, 0.0
	for i := range weights { // means that do not depend on each other: unit vectors add up
		unit := make([]float64, 3)
		unit[i] = 1
		c, freedom = Uneven(unit, weights)
		expected += c.Stderr * c.Stderr
	}
	near(t, "expected variance", expected, 30./64, 1e-12)
	near(t, "effective clusters less one", freedom, 64./30-1, 1e-12)
}
