package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"trit/bitlinear"
	"trit/model"
)

// builder lays the decoder out node by node; the first error ends it.
// Shapes: M = B*T rows, D hidden, F intermediate, V vocabulary.
type builder struct {
	d    *Decoder
	rows int
	err  error
}

func (b *builder) decoder() {
	c := &b.d.cfg
	b.weights()
	x := b.apply(embedding(b.d.tokens, c.HiddenSize), b.weight(model.EmbedTokens)) // [M,D]
	rope := newRope(b.d.options.SequenceLength, c.HeadDim, c.RopeTheta)
	for l := range c.NumHiddenLayers {
		x = b.attention(x, l, rope)
		x = b.feedForward(x, l)
	}
	x = b.norm(x, model.FinalNorm, c.HiddenSize)
	head := model.LMHead
	if c.TieWordEmbeddings {
		head = model.EmbedTokens
	}
	b.d.head = newLossHead(b.rows, c.HiddenSize, c.VocabSize, b.d.targets)
	b.d.head.bf16 = b.d.options.BF16
	b.d.loss = b.apply(b.d.head.fn(), x, b.weight(head))
}

// attention is x + o_proj(attention(norm(x))).
func (b *builder) attention(x *G.Node, l int, rope *rope) *G.Node {
	c := &b.d.cfg
	h := b.norm(x, model.LayerTensor(l, model.InputNorm), c.HiddenSize)
	qkv := b.linear(h, c.HiddenSize, l, model.QProj, model.KProj, model.VProj) // [M, Q+2KV]
	att := newAttention(c, b.d.options.Batch, b.d.options.SequenceLength, rope, b.d.starts, b.d.options.Backward)
	a := b.apply(att.fn(), qkv) // [M,Q]
	if c.SubNorms {
		a = b.norm(a, model.LayerTensor(l, model.AttnSubNorm), c.QDim())
	}
	return b.apply(residual(b.rows, c.HiddenSize), x, b.linear(a, c.QDim(), l, model.OProj))
}

// feedForward is x + down_proj(act(gate_proj(norm(x))) * up_proj(norm(x))).
func (b *builder) feedForward(x *G.Node, l int) *G.Node {
	c := &b.d.cfg
	h := b.norm(x, model.LayerTensor(l, model.PostNorm), c.HiddenSize)
	gu := b.linear(h, c.HiddenSize, l, model.GateProj, model.UpProj)    // [M,2F]
	h = b.apply(gatedUnit(b.rows, c.IntermediateSize, c.HiddenAct), gu) // [M,F]
	if c.SubNorms {
		h = b.norm(h, model.LayerTensor(l, model.FFNSubNorm), c.IntermediateSize)
	}
	return b.apply(residual(b.rows, c.HiddenSize), x, b.linear(h, c.IntermediateSize, l, model.DownProj))
}

// weights enters all weights as nodes over the memory of Params.
func (b *builder) weights() {
	for _, spec := range b.d.params.specs {
		value := b.d.params.tensors[spec.Name]
		b.d.nodes[spec.Name] = G.NewTensor(b.d.graph, tensor.Float32, len(spec.Shape), G.WithShape(spec.Shape...), G.WithName(spec.Name), G.WithValue(value))
	}
}

func (b *builder) weight(name string) *G.Node { return b.d.nodes[name] }

func (b *builder) norm(x *G.Node, name string, width int) *G.Node {
	return b.apply(rmsNorm(b.rows, width, b.d.cfg.RMSNormEps), x, b.weight(name))
}

// linear is a layer of the weights with these names in block l, side by side.
func (b *builder) linear(x *G.Node, width, l int, names ...string) *G.Node {
	inputs, rows, full := []*G.Node{x}, []int(nil), []string(nil)
	for _, n := range names {
		n = model.LayerTensor(l, n)
		w := b.weight(n)
		inputs, rows, full = append(inputs, w), append(rows, w.Shape()[0]), append(full, n)
	}
	layer := bitlinear.NewLinear(b.d.cfg.Ternary, b.rows, width, rows...)
	layer.BF16 = b.d.options.BF16
	b.d.linears = append(b.d.linears, namedLinear{layer, full})
	return b.apply(layer.Func(full[0]), inputs...)
}

func (b *builder) apply(f bitlinear.Func, inputs ...*G.Node) *G.Node {
	if b.err != nil {
		return inputs[0]
	}
	n, err := bitlinear.Apply(f, inputs...)
	if err != nil {
		b.err = err
		return inputs[0]
	}
	return n
}
