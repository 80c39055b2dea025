package statistics

import "math"

// Level is the probability with which a test finds a difference where there is none, and Power
// that with which it finds one that is there, wherever a least difference or a number of documents
// is stated.
const (
	Level = 0.05
	Power = 0.8
)

// McNemar is the exact two-sided probability that a+b tosses of a fair coin fall at least as
// unevenly as a and b: the numbers of documents on which only A and only B is right.
func McNemar(a, b int) float64 {
	n, sum := a+b, 0.0
	all, _ := math.Lgamma(float64(n + 1))
	for k := range min(a, b) + 1 {
		chosen, _ := math.Lgamma(float64(k + 1))
		rest, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(all - chosen - rest - float64(n)*math.Ln2)
	}
	return min(1, 2*sum)
}

// Least is the least difference that a test shows at Level with Power, if the difference has this
// standard error, with so many degrees of freedom: documents or clusters, less one.
func Least(stderr, freedom float64) float64 {
	return (Student(1-Level/2, freedom) + Student(Power, freedom)) * stderr
}

// Needed is the number of documents with which a difference would have been found with Power, if the n
// documents gave it this standard error; +Inf of no difference.
func Needed(difference, stderr float64, n int) float64 {
	ratio := (Normal(1-Level/2) + Normal(Power)) * stderr / math.Abs(difference)
	return math.Ceil(float64(n) * ratio * ratio)
}

// LeastMcNemar is the least difference between the shares of right answers that McNemar's exact test
// shows at Level with Power, if a share discordant of n documents is right for one of the two alone. Where
// a difference needs more of them than that, it has just these.
func LeastMcNemar(n int, discordant float64) float64 {
	return bisect(0, 1, func(d float64) bool { return mcNemarShows(float64(n), d, discordant) })
}

// NeededMcNemar is the number of documents with which McNemar's exact test would have shown a
// difference with Power, if a share discordant is right for one of the two alone; +Inf of no difference.
func NeededMcNemar(difference, discordant float64) float64 {
	if difference == 0 {
		return math.Inf(1)
	}
	high := 1.0
	for !mcNemarShows(high, difference, discordant) {
		high *= 2
	}
	return math.Ceil(bisect(0, high, func(n float64) bool { return mcNemarShows(n, difference, discordant) }))
}

// mcNemarShows reports whether n documents show a difference with Power. The test counts the documents that
// one of the two alone has right; their difference is normal, and since it is exact, half a step of
// two is lost.
func mcNemarShows(n, difference, discordant float64) bool {
	d := math.Abs(difference)
	discordant = max(discordant, d)
	refused := 1 + Normal(1-Level/2)*math.Sqrt(n*discordant)
	return n*d-refused >= Normal(Power)*math.Sqrt(n*(discordant-d*d))
}
