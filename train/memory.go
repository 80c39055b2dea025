package train

import (
	"trit/format/adapter"
	"trit/internal/parallel"
	"trit/model"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// runtimeBytes is about what the program takes without a model, measured with the smallest one.
const runtimeBytes = 40 << 20

// Memory estimates the peak memory of a run on n ranks, in bytes, on rank 0. Other ranks need
// less: rank 0 also keeps the ternary weights of the last line of the log. threads is
// Run.Threads.
func Memory(c model.Config, o Options, n, threads int) int64 {
	o.resolve(&c, thisMachine(threads))
	perWeight, moments, buckets := int64(0), int64(2*4), int64(0)
	if o.Moments == optim.MomentsBF16 {
		moments = 2 * 2
	}
	if o.EMADecay > 0 {
		perWeight += 4
	}
	if n > 1 {
		perWeight += 4 // sums of the gradients
		buckets = 2 * ranks.BucketBytes
	}
	trained := int64(o.Trained(c))
	byMuon, muon := o.muonMemory(c, n, threads)
	owned := (perWeight*trained + moments*(trained-byMuon) + 4*byMuon) / int64(n)
	g := o.graph(0, threads)
	if o.DistillAlpha > 0 || o.DistillRelations > 0 {
		g.Distill = o.distillation(nil)
	}
	total := owned + muon + buckets + runtimeBytes
	if l := o.lora(); l.Rank > 0 {
		if total += graph.AdaptersMemory(&c, &l, g); l.Placement == adapter.Beside {
			return total // the log keeps no codes
		}
	} else {
		total += graph.Memory(&c, g)
	}
	return total + ternaryMemory(&c)
}

// muonMemory is the number of weights that Muon moves, and the bytes that it works in: with several ranks in copies.
func (o Options) muonMemory(c model.Config, ranks, threads int) (weights, bytes int64) {
	threads = parallel.New(threads).Threads()
	copies := int64(0)
	for _, spec := range c.Tensors() {
		if o.byMuon(spec) {
			weights += int64(spec.Elements())
			bytes = max(bytes, optim.MuonMemory(spec.Shape[0], spec.Shape[1], threads))
			copies = max(copies, 4*(optim.MuonBatch+int64(spec.Elements())))
		}
	}
	if ranks > 1 {
		bytes += copies
	}
	return weights, bytes
}

// TeacherMemory estimates the memory of a folder as the teacher of a run, in bytes.
func TeacherMemory(teacher model.Config, o Options, threads int) int64 {
	o.resolvePrecision(thisMachine(threads))
	return graph.Memory(&teacher, o.teacherGraph(threads))
}

// Trained is the number of values that a run moves.
func (o Options) Trained(c model.Config) int {
	if l := o.lora(); l.Rank > 0 {
		return graph.LoRAParameters(&c, &l)
	}
	return c.Parameters()
}

// FLOPsPerToken are the operations that a run needs for a token. Over a frozen base the products for the
// gradients of its weights, a third of all, fall away; adapters inside the quantiser need them.
func (o Options) FLOPsPerToken(c model.Config) int {
	n := c.FLOPsPerToken(o.SequenceLength)
	if l := o.lora(); l.Rank > 0 && l.Placement == adapter.Beside {
		return n/3*2 + 6*o.Trained(c)
	}
	return n
}

// OptimizerFLOPs are the operations of the products of the optimiser in a step; AdamW has none.
func (o Options) OptimizerFLOPs(c model.Config) (n int) {
	for _, spec := range c.Tensors() {
		if o.byMuon(spec) {
			n += optim.MuonFLOPs(spec.Shape[0], spec.Shape[1])
		}
	}
	return n
}

// Int8OPsPerToken are those of FLOPsPerToken that are products of int8 activations by ternary weights:
// the forward products of ternary layers, and with GradientsInt8 the others too.
func (o Options) Int8OPsPerToken(c model.Config) int {
	if !c.Ternary || c.IsGrouped() {
		return 0
	}
	if o.Gradients == GradientsInt8 {
		return 6 * c.TernaryParameters()
	}
	return 2 * c.TernaryParameters()
}

// ternaryMemory is the bytes that the log keeps: codes of two bits for all ternary weights, and
// the float32 codes of the largest one while it is counted.
func ternaryMemory(c *model.Config) int64 {
	largest := 0
	for _, s := range c.Tensors() {
		if s.Ternary {
			largest = max(largest, s.Elements())
		}
	}
	return int64(c.TernaryParameters()/4 + 4*largest)
}
