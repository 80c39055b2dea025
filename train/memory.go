package train

import (
	"trit/model"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// runtimeBytes is about what the program takes without a model, measured with the smallest one.
const runtimeBytes = 40 << 20

// Memory estimates the peak memory, in bytes, of a run on each of n ranks with a number of
// threads, 0 for one for each processor. It is that of rank 0, which also keeps the ternary
// weights of the last line of the log.
func Memory(c model.Config, o Options, n, threads int) int64 {
	o.resolvePrecision(thisMachine(threads))
	perWeight, buckets := int64(2*4), int64(0) // moments
	if o.Moments == optim.MomentsBF16 {
		perWeight = 2 * 2
	}
	if o.EMADecay > 0 {
		perWeight += 4
	}
	if n > 1 {
		perWeight += 4 // sums of the gradients
		buckets = 2 * ranks.BucketBytes
	}
	owned := perWeight * int64(c.Parameters()) / int64(n)
	return graph.Memory(&c, o.graph(0, threads)) + owned + buckets + ternaryMemory(&c) + runtimeBytes
}

// ternaryMemory is what the log keeps: codes of two bits of all weights, and those of one
// as they come.
func ternaryMemory(c *model.Config) int64 {
	largest := 0
	for _, s := range c.Tensors() {
		if s.Ternary {
			largest = max(largest, s.Elements())
		}
	}
	return int64(c.TernaryParameters()/4 + 4*largest)
}
