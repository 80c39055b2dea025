package statistics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The stated probabilities against simulation. What is seen in this many runs has a standard error
// of its own; the tests allow four of it.
const runs = 10_000

// seen counts how often an event happens, with a seed of its own.
func seen(seed uint64, event func(*rand.Rand) bool) float64 {
	r, n := rand.New(rand.NewPCG(seed, 19)), 0
	for range runs {
		if event(r) {
			n++
		}
	}
	return float64(n) / runs
}

func stated(t *testing.T, what string, got, want float64) {
	t.Helper()
	t.Logf("%s: %.4f in %d runs, stated %.4f", what, got, runs, want)
	near(t, what, got, want, 4*math.Sqrt(want*(1-want)/runs))
}

func (i Interval) holds(v float64) bool { return i.Low <= v && v <= i.High }

// count is a binomial number.
func count(r *rand.Rand, n int, p float64) (k int) {
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return k
}

func TestCoverageOfMeans(t *testing.T) {
	for _, n := range []int{5, 40} {
		stated(t, fmt.Sprintf("a mean of %d normal values", n), seen(1, func(r *rand.Rand) bool {
			values := make([]float64, n)
			for i := range values {
				values[i] = 3 + 2*r.NormFloat64()
			}
			mean, stderr := Mean(values)
			return Around(mean, stderr, n, 0.95).holds(3)
		}), 0.95)
	}
}

// passages are right answers to questions about 50 passages, each with a share of its own that is
// drawn from 0.2 to 0.8.
func passages(r *rand.Rand) (values []float64, names []string) {
	for c := range 50 {
		share := 0.2 + 0.6*r.Float64()
		for range 1 + r.IntN(7) {
			v := 0.0
			if r.Float64() < share {
				v = 1
			}
			values, names = append(values, v), append(names, string(rune('0'+c)))
		}
	}
	return values, names
}

func TestCoverageOfClusters(t *testing.T) {
	ignored, share := 0.0, 0.0
	stated(t, "a mean of 50 clusters", seen(2, func(r *rand.Rand) bool {
		values, names := passages(r)
		c := ClusteredMean(values, names)
		if mean, stderr := Mean(values); math.Abs(mean-0.5) < 1.96*stderr {
			ignored += 1. / runs
		}
		if ClusteredShare(c.Value, c.Stderr, c.Clusters, 0.95).holds(0.5) {
			share += 1. / runs
		}
		return Around(c.Value, c.Stderr, c.Clusters, 0.95).holds(0.5)
	}), 0.95)
	stated(t, "a share of 50 clusters", share, 0.95)
	if t.Logf("by document: %.4f", ignored); ignored > 0.93 {
		t.Errorf("clusters change nothing here: %g by document", ignored)
	}
}

func TestCoverageOfRatios(t *testing.T) {
	stated(t, "nats a byte of 200 documents", seen(4, func(r *rand.Rand) bool {
		nats, bytes := make([]float64, 200), make([]float64, 200)
		for i := range nats {
			bytes[i] = 50 + 100*r.Float64()
			nats[i] = bytes[i] * (0.7 + 0.1*r.NormFloat64())
		}
		c := Ratio(nats, bytes, nil)
		return Around(c.Value, c.Stderr, c.Clusters, 0.95).holds(0.7)
	}), 0.95)
}

// Shares are whole numbers of documents, so that no interval has just the stated coverage at each
// true share: Wilson's has it on the average of them, the exact one at least.
func TestCoverageOfShares(t *testing.T) {
	stated(t, "Wilson, 1000 documents", seen(5, func(r *rand.Rand) bool {
		p := 0.05 + 0.9*r.Float64()
		return Wilson(float64(count(r, 1000, p))/1000, 1000, 0.95).holds(p)
	}), 0.95)
	const n = 30
	sum, points := 0.0, 0
	for p := 0.005; p < 1; p += 0.005 {
		wilson, exact := 0.0, 0.0
		for k := range n + 1 {
			if Wilson(float64(k)/n, n, 0.95).holds(p) {
				wilson += binomial(k, n, p)
			}
			if Exact(k, n, 0.95).holds(p) {
				exact += binomial(k, n, p)
			}
		}
		sum, points = sum+wilson, points+1
		if exact < 0.95 {
			t.Errorf("exact, %d documents: it holds %g with %g", n, p, exact)
		}
	}
	near(t, "Wilson, 30 documents, all shares", sum/float64(points), 0.95, 0.005)
}

// pairs counts the documents that one of two models alone has right.
func pairs(r *rand.Rand, n int, difference, discordant float64) (a, b int) {
	for range n {
		switch v := r.Float64(); {
		case v < (discordant-difference)/2:
			a++
		case v < discordant:
			b++
		}
	}
	return a, b
}

func TestPowerOfMcNemar(t *testing.T) {
	for _, c := range []struct {
		n          int
		discordant float64
	}{{300, 0.3}, {800, 0.2}} {
		least := LeastMcNemar(c.n, c.discordant)
		stated(t, fmt.Sprintf("%.4f of %d documents", least, c.n), seen(6, func(r *rand.Rand) bool {
			return McNemar(pairs(r, c.n, least, c.discordant)) < Level
		}), Power)
	}
	n := int(NeededMcNemar(0.05, 0.25))
	stated(t, fmt.Sprintf("%d documents for 0.05", n), seen(7, func(r *rand.Rand) bool {
		return McNemar(pairs(r, n, 0.05, 0.25)) < Level
	}), Power)
	if size := seen(8, func(r *rand.Rand) bool { return McNemar(pairs(r, 300, 0, 0.3)) < Level }); size > Level {
		t.Errorf("without a difference it finds one with %g", size)
	}
}

func TestPowerOfPairs(t *testing.T) {
	draw := func(r *rand.Rand, n int, mean float64) (float64, float64) {
		values := make([]float64, n)
		for i := range values {
			values[i] = mean + r.NormFloat64()
		}
		return Mean(values)
	}
	least := Least(1/math.Sqrt(400), 399)
	stated(t, "the least of 400 documents", seen(9, func(r *rand.Rand) bool {
		mean, stderr := draw(r, 400, least)
		return NormalP(mean, stderr) < Level
	}), Power)
	n := int(Needed(0.2, 1/math.Sqrt(50), 50))
	stated(t, fmt.Sprintf("%d documents", n), seen(10, func(r *rand.Rand) bool {
		mean, stderr := draw(r, n, 0.2)
		return NormalP(mean, stderr) < Level
	}), Power)
	least = Least(math.Hypot(1, 1)/math.Sqrt(300), 299)
	stated(t, "two sets of 300 documents", seen(11, func(r *rand.Rand) bool {
		a, errorA := draw(r, 300, 0)
		b, errorB := draw(r, 300, least)
		return NormalP(b-a, math.Hypot(errorA, errorB)) < Level
	}), Power)
}

// Paired differences by cluster: 40 passages of 10 questions, with a difference of the passage and
// one of each question.
func TestPowerOfClusters(t *testing.T) {
	const clusters, size = 40, 10
	stderr := math.Sqrt((0.5*0.5 + 1./size) / clusters)
	least := Least(stderr, clusters-1)
	names := make([]string, clusters*size)
	for i := range names {
		names[i] = fmt.Sprint(i / size)
	}
	test := func(mean float64) func(*rand.Rand) bool {
		return func(r *rand.Rand) bool {
			values, shared := make([]float64, len(names)), 0.0
			for i := range values {
				if i%size == 0 {
					shared = 0.5 * r.NormFloat64()
				}
				values[i] = mean + shared + r.NormFloat64()
			}
			c := ClusteredMean(values, names)
			return StudentP(c.Value, c.Stderr, float64(c.Clusters-1)) < Level
		}
	}
	stated(t, "40 clusters", seen(12, test(least)), Power)
	stated(t, "no difference", seen(13, test(0)), Level)
}

// subjects are the numbers of questions of MMLU's subjects, by area: those of humanities are the most uneven.
var subjects = map[string][]int{
	"humanities":      {126, 165, 204, 237, 121, 108, 163, 346, 895, 311, 324, 1534, 171},
	"other":           {100, 265, 173, 100, 223, 103, 234, 100, 783, 306, 282, 272, 166},
	"social sciences": {114, 198, 193, 390, 238, 545, 131, 612, 110, 245, 201, 100},
	"stem":            {100, 135, 152, 144, 100, 100, 100, 102, 100, 235, 145, 378, 310, 203, 100, 270, 151, 216, 112},
}

// differences are the mean differences of two models by subject, with one of the subject and one of each question.
func differences(r *rand.Rand, sizes []int, mean, bySubject float64) (means, documents, once []float64) {
	for _, n := range sizes {
		d := mean + bySubject*r.NormFloat64() + 0.55*r.NormFloat64()/math.Sqrt(float64(n))
		means, documents, once = append(means, d), append(documents, float64(n)), append(once, 1)
	}
	return means, documents, once
}

// A group of subjects whose true differences vary: without a difference on the mean the test finds one with Level, the
// interval has its coverage, and the least difference is found with Power.
func TestGroupsBySubject(t *testing.T) {
	var all []int
	for _, area := range []string{"humanities", "other", "social sciences", "stem"} {
		all = append(all, subjects[area]...)
	}
	for name, sizes := range map[string][]int{
		"MMLU": all, "humanities": subjects["humanities"], "other": subjects["other"],
		"social sciences": subjects["social sciences"], "stem": subjects["stem"], "five of stem": subjects["stem"][9:14],
	} {
		const bySubject = 0.03
		for _, each := range []bool{false, true} {
			true2, total := 0.0, 0.0 // the true variance
			means, documents, once := differences(rand.New(rand.NewPCG(1, 1)), sizes, 0, 0)
			weights := documents
			if each {
				weights = once
			}
			for i, w := range weights {
				true2 += w * w * (bySubject*bySubject + 0.55*0.55/documents[i])
				total += w
			}
			_, freedom := Uneven(means, weights)
			least := Least(math.Sqrt(true2)/total, freedom)
			for mean, want := range map[float64]float64{0: Level, least: Power} {
				what := fmt.Sprintf("%s, each once %v, a difference of %.4f", name, each, mean)
				stated(t, what, seen(14, func(r *rand.Rand) bool {
					means, _, _ := differences(r, sizes, mean, bySubject)
					c, freedom := Uneven(means, weights)
					return StudentP(c.Value, c.Stderr, freedom) < Level
				}), want)
			}
		}
	}
}

// Subjects that are what they are, of which documents are drawn anew.
func TestCoverageOfStrata(t *testing.T) {
	shares := []float64{0.3, 0.45, 0.6, 0.9}
	for name, weights := range map[string][]float64{"by documents": {40, 80, 120, 60}, "each once": {1, 1, 1, 1}} {
		truth, total := 0.0, 0.0
		for i, w := range weights {
			truth, total = truth+w*shares[i], total+w
		}
		stated(t, name, seen(15, func(r *rand.Rand) bool {
			var strata [][]float64
			for i, n := range []int{40, 80, 120, 60} {
				values := make([]float64, n)
				for k := range values {
					if r.Float64() < shares[i] {
						values[k] = 1
					}
				}
				strata = append(strata, values)
			}
			mean, stderr := Stratified(strata, weights)
			return Around(mean, stderr, 300, 0.95).holds(truth / total)
		}), 0.95)
	}
}
