// Package statistics says how sure a score is, and whether two scores differ: standard errors by
// document and by cluster, intervals, tests, and the least difference that so many documents can
// show. Its functions know nothing of tasks.
package statistics

import "math"

// Mean is the mean of values and its standard error: the sample standard deviation over the root
// of the count. It is NaN of a single value.
func Mean(values []float64) (mean, stderr float64) {
	n, squares := float64(len(values)), 0.0
	for _, v := range values {
		mean += v
	}
	mean /= n
	for _, v := range values {
		squares += float64((v - mean) * (v - mean)) // float64: never fused
	}
	return mean, math.Sqrt(squares/(n-1)) / math.Sqrt(n)
}

// Clustered is an estimate from documents of which some belong together, such as questions about
// one passage.
type Clustered struct {
	Value    float64
	Stderr   float64 // NaN of a single cluster
	Clusters int
}

// ClusteredMean is the mean of values, with a standard error that lets the values of a cluster
// depend on each other in any way.
func ClusteredMean(values []float64, clusters []string) Clustered {
	ones := make([]float64, len(values))
	for i := range ones {
		ones[i] = 1
	}
	return Ratio(values, ones, clusters)
}

// Ratio is the sum of values over the sum of weights, such as log-likelihoods over bytes. Its
// standard error is by linearisation: of the sums of value - ratio*weight in each cluster, whose
// mean is 0. A document whose cluster is "" is a cluster of its own; nil: all documents are.
func Ratio(values, weights []float64, clusters []string) Clustered {
	sum, weight := 0.0, 0.0
	for i, v := range values {
		sum += v
		weight += weights[i]
	}
	c := Clustered{Value: sum / weight}
	squares, shared := 0.0, map[string]float64{}
	var order []string // of first appearance, so that the sum has the same bits each time
	for i, v := range values {
		rest := v - c.Value*weights[i]
		if clusters == nil || clusters[i] == "" {
			squares += rest * rest
			c.Clusters++
			continue
		}
		if _, ok := shared[clusters[i]]; !ok {
			order = append(order, clusters[i])
		}
		shared[clusters[i]] += rest
	}
	for _, name := range order {
		squares += shared[name] * shared[name]
	}
	c.Clusters += len(order)
	g := float64(c.Clusters)
	c.Stderr = math.Sqrt(squares*g/(g-1)) / weight
	return c
}

// Stratified is the mean of the means of strata by weights, such as those of the tasks of a group, and
// its standard error: of documents that are drawn in each stratum anew. A stratum of one value is taken to
// vary around the mean of all.
func Stratified(strata [][]float64, weights []float64) (mean, stderr float64) {
	means, total := make([]float64, len(strata)), 0.0
	for i, values := range strata {
		means[i], _ = Mean(values)
		mean += weights[i] * means[i]
		total += weights[i]
	}
	mean /= total
	variance := 0.0
	for i, values := range strata {
		_, one := Mean(values)
		if len(values) == 1 {
			one = means[i] - mean
		}
		share := weights[i] / total
		variance += share * share * one * one
	}
	return mean, math.Sqrt(variance)
}

// Uneven is the mean of the means of clusters by weights of which a few may be most, such as the sizes of
// MMLU's subjects. The error lets the clusters differ in the true mean. What a cluster with much of the weight
// leaves in its residual is made up for, as in HC2 of regressions; the degrees of freedom, for Student's
// distribution, are those of Kish's effective number of clusters.
func Uneven(means, weights []float64) (c Clustered, freedom float64) {
	total, shares := 0.0, 0.0
	for i, w := range weights {
		c.Value += w * means[i]
		total += w
	}
	c.Value, c.Clusters = c.Value/total, len(means)
	for _, w := range weights {
		shares += w / total * w / total
	}
	variance := 0.0
	for i, w := range weights {
		share := w / total
		rest := share * (means[i] - c.Value)
		variance += rest * rest / (1 - 2*share + shares)
	}
	c.Stderr = math.Sqrt(variance)
	return c, 1/shares - 1
}
