package graph

import (
	"trit/bitlinear/kernel/causal"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intgrad"
	"trit/format/adapter"
	"trit/internal/parallel"
	"trit/model"
)

// Memory estimates the bytes that a Decoder and its Params take, from the shapes. All of it
// is allocated by the end of the first step; a test compares it with what is allocated.
func Memory(c *model.Config, o Options) int64 {
	return weightsMemory(c, o) + activationsMemory(c, o) + scratchMemory(c, o)
}

// AdaptersMemory is Memory of adapters over a base whose embedding and head have 16 bits a weight.
func AdaptersMemory(c *model.Config, l *LoRA, o Options) int64 {
	whole, trained := int64(c.Parameters()), int64(LoRAParameters(c, l))
	m, d, q, kv, f := sizes(c, o)
	inside := l.Placement == adapter.Inside
	base, scratch := 2*whole, int64(0)
	if widest := 4 * max(2*d*f, d*(q+2*kv)); inside {
		scratch += 2 * widest // the weights of a layer and their gradient
	} else if c.Ternary {
		base -= 7 * int64(c.TernaryParameters()) / 4
	}
	total := base + scratch
	if l.Dropout > 0 {
		total += 4 * m * max(d, q, f)
	}
	if o.Backward {
		trained *= 2
	}
	total += 4 * trained
	if !inside {
		low := int64(l.Rank*len(LoRATensors(c, l))/2) / int64(c.NumHiddenLayers) // what the second matrices of a block read
		total += 4 * m * low * (1 + blocksKept(c, o))
	}
	if kept := 4 * m * (2*d + q + f); !inside && c.Ternary { // inputs before rounding
		total += kept * blocksKept(c, o)
	}
	// Of the scratch of a model that is trained whole, the packed weights are not needed.
	return total + activationsMemory(c, o) + scratchMemory(c, o)
}

// LoRAParameters is the number of values of the adapters.
func LoRAParameters(c *model.Config, l *LoRA) (n int) {
	for _, spec := range LoRATensors(c, l) {
		n += spec.Elements()
	}
	return n
}

// blocksKept is the number of blocks whose values are kept for the backward pass at a time.
func blocksKept(c *model.Config, o Options) int64 {
	if o.CheckpointActivations || !o.Backward {
		return 1
	}
	return int64(c.NumHiddenLayers)
}

// weightsMemory is the weights and their gradients.
func weightsMemory(c *model.Config, o Options) int64 {
	copies := int64(1)
	if o.Backward {
		copies = 2
	}
	return 4 * copies * int64(c.Parameters())
}

// activationsMemory is the memory that belongs to single operations: their outputs, and the
// values that the blocks keep.
func activationsMemory(c *model.Config, o Options) int64 {
	m, d, q, kv, f := sizes(c, o)
	inputs := 2*d + q + f // of the four products of a block
	kept := m * (4*4 + 4*(q+2*kv+q+int64(c.NumAttentionHeads)+d+2*f))
	if c.Ternary {
		kept += m * 4 * 4
	}
	if c.Ternary && !c.FloatActivations {
		kept += m * inputs
	}
	if !c.Ternary || o.Unquantized || c.IsGrouped() {
		kept += 4 * m * inputs
	}
	if c.QKNorm {
		kept += 4 * m * (q + kv + int64(c.NumAttentionHeads+c.NumKeyValueHeads))
	}
	outputs := 4 * m * d * int64(c.NumHiddenLayers+2)
	return outputs + blocksKept(c, o)*kept
}

// scratchMemory is the memory that operations share, one after the other.
func scratchMemory(c *model.Config, o Options) int64 {
	m, d, q, kv, f := sizes(c, o)
	vocab := int64(c.VocabSize)
	chunk := int64(headChunk(o.Batch*o.SequenceLength, c.VocabSize))
	total := 4*m*d + 4*chunk*vocab // wide, logits
	if o.Backward {
		total += 4*m*d + 4*m*max(q, f) // stream, wider
	}
	if o.Backward {
		total += 4 * int64(parallel.New(o.Threads).Threads()) * vocab
	}
	if o.Distill != nil {
		total += o.Distill.memory(c, o, m, chunk)
	}
	if c.Ternary {
		perBlock := int64(c.MatMulWeights()-c.VocabSize*c.HiddenSize) / int64(c.NumHiddenLayers)
		if !c.IsGrouped() {
			packed := perBlock / 4
			if o.keepsCodes() {
				packed *= int64(c.NumHiddenLayers)
			}
			total += packed
		}
		if o.Backward && !o.BF16 { // a gradient times the scales of the inputs
			total += 4 * m * max(2*f, q+2*kv)
		}
		if c.Sign || o.Unquantized || c.IsGrouped() {
			total += 4 * d * max(2*f, q+2*kv)
		}
		if c.TernaryEmbedding {
			total += 4 * vocab * d
		}
	}
	if o.BF16 { // the packed right side of the largest product of a layer
		total += 2 * min(max(gemm.PassValues, d)*max(2*f, q+2*kv)/2, gemm.PackedValues)
	}
	if o.BF16 && o.Backward { // the packed gradient of the widest output
		widest := m * max(2*f, q+2*kv)
		if o.Int8Gradients && !o.Unquantized { // of a layer it is packed in int8
			widest = 0
		}
		total += 2 * max(chunk*vocab, widest)
	}
	if o.Int8Gradients && o.Backward {
		threads := parallel.New(o.Threads).Threads()
		total += max(intgrad.Memory(m, max(2*f, q+2*kv), d, threads), intgrad.Memory(m, d, f, threads))
	}
	return total + int64(parallel.New(o.Threads).Threads())*(attentionMemory(c, o)+gemm.ThreadScratch)
}

// attentionMemory is the scratch of a thread: with BF16 that of an evaluation too.
func attentionMemory(c *model.Config, o Options) int64 {
	total := int64(4 * queryTile * (o.SequenceLength + c.HeadDim))
	switch {
	case headsInBF16(o.BF16):
		total += causal.Memory(o.SequenceLength, c.HeadDim, o.Backward)
	case o.Backward:
		total += int64(4 * o.SequenceLength * (queryTile + 2*c.HeadDim))
	}
	return total
}

// sizes are the rows and the widths D, Q, KV and F.
func sizes(c *model.Config, o Options) (m, d, q, kv, f int64) {
	m = int64(o.Batch * o.SequenceLength)
	return m, int64(c.HiddenSize), int64(c.QDim()), int64(c.KVDim()), int64(c.IntermediateSize)
}
