package statistics

import "math"

// Interval is a range that holds the true value with a stated probability.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Around is the interval of a value with a standard error. The error is of clusters, or documents,
// whose number less one is its degrees of freedom.
func Around(value, stderr float64, clusters int, level float64) Interval {
	if stderr == 0 || math.IsNaN(stderr) {
		return Interval{value, value}
	}
	half := Student((1+level)/2, float64(clusters-1)) * stderr
	return Interval{value - half, value + half}
}

// Wilson is the interval of Wilson of a share that was seen among n. Unlike Around it holds near
// 0 and 1 too, where the standard error of a few documents is 0. n need not be whole.
func Wilson(share, n, level float64) Interval {
	z := Normal((1 + level) / 2)
	middle := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return Interval{max(middle-half, 0), min(middle+half, 1)}
}

// Exact is the interval of Clopper and Pearson for k of n: it holds the true share at least as often
// as stated, whatever n.
func Exact(k, n int, level float64) Interval {
	tail, i := (1-level)/2, Interval{0, 1}
	if k > 0 {
		i.Low = betaQuantile(tail, float64(k), float64(n-k+1))
	}
	if k < n {
		i.High = betaQuantile(1-tail, float64(k+1), float64(n-k))
	}
	return i
}

// ClusteredShare is the interval of a share with an error by cluster: Wilson's, of as many
// independent documents as have this error. Where all documents are right, or all wrong, the error says
// nothing, and each cluster counts as one document.
func ClusteredShare(share, stderr float64, clusters int, level float64) Interval {
	n := float64(clusters)
	if stderr > 0 && share > 0 && share < 1 {
		n = share * (1 - share) / (stderr * stderr)
		// Student's quantile instead of the normal one, as a smaller number of documents.
		ratio := Normal((1+level)/2) / Student((1+level)/2, float64(clusters-1))
		n *= ratio * ratio
	}
	return Wilson(share, n, level)
}
