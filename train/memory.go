package train

import (
	"trit/model"
	"trit/train/graph"
)

// runtimeBytes is about what the program takes without a model: measured with the smallest.
const runtimeBytes = 40 << 20

// Memory foretells the peak memory of a run in bytes.
func Memory(c model.Config, o Options) int64 {
	o.resolvePrecision(graph.HasBF16())
	moments := 2 * 4 * int64(c.Parameters())
	return graph.Memory(&c, o.graph(0)) + moments + runtimeBytes
}
