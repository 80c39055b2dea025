package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"trit/bitlinear"
	"trit/model"
)

// builder makes the nodes of a decoder one by one; the first error ends it.
// Shapes: M = B*T rows, D hidden, F intermediate, V vocabulary.
type builder struct {
	d   *Decoder
	err error
}

func (b *builder) decoder() {
	d, c := b.d, &b.d.cfg
	b.weights()
	x := b.embedded()
	for l := range c.NumHiddenLayers {
		block := newBlock(d.ws, l, d.params)
		if t := d.options.Distill; t != nil && t.Relations > 0 && t.layer(c) == l {
			block.relations = newRelations(d.ws, t, d.targets, d.starts, d.options.SequenceLength)
			d.relations = block.relations
		}
		d.blocks = append(d.blocks, block)
		inputs, grads := []*G.Node{x}, [][]float32{d.ws.stream}
		for _, name := range block.names {
			inputs, grads = append(inputs, b.weight(name)), append(grads, d.gradients[name])
		}
		x = b.apply(block.fn(grads), inputs...)
	}
	norm := &finalNorm{workspace: d.ws, inverse: make([]float32, d.ws.rows)}
	d.head = newLossHead(d.ws, c.VocabSize, d.objective(), d.targets, d.options.Backward)
	if base := d.params.base; base != nil {
		norm.frozen, d.head.frozen = base.vectors[model.FinalNorm], base.matrices[headName(c)]
		d.loss = b.apply(d.head.fn(nil), b.apply(norm.fn(nil), x))
		return
	}
	x = b.apply(norm.fn(d.gradients[model.FinalNorm]), x, b.weight(model.FinalNorm))
	d.loss = b.apply(d.head.fn(d.gradients[headName(c)]), x, b.headWeight())
}

// objective is what the options ask for.
func (d *Decoder) objective() objective {
	if d.options.Preference != nil {
		d.preference = newPreference(d.options, d.targets)
		return d.preference
	}
	c := crossEntropy{targets: d.targets, zLoss: float32(d.options.ZLoss)}
	if d.options.Distill != nil {
		d.distilling = newDistilling(d.ws, d.cfg.VocabSize, d.options, c)
		return d.distilling
	}
	return &c
}

// embedded is the embeddings of the tokens, [M,D]. Those of a frozen base are no operation: Run
// looks them up.
func (b *builder) embedded() *G.Node {
	d, c := b.d, &b.d.cfg
	embed := &embedding{workspace: d.ws, tokens: d.tokens, width: c.HiddenSize, tied: c.TieWordEmbeddings}
	if base := d.params.base; base != nil {
		embed.frozen, d.embed = base.matrices[model.EmbedTokens], embed
		embed.out = make([]float32, d.ws.rows*c.HiddenSize)
		value := tensor.New(tensor.WithBacking(embed.out), tensor.WithShape(d.ws.rows, c.HiddenSize))
		return G.NewTensor(d.graph, tensor.Float32, 2, G.WithShape(value.Shape()...), G.WithName("embedded"),
			G.WithValue(value))
	}
	return b.apply(embed.fn(d.gradients[model.EmbedTokens]), b.weight(model.EmbedTokens))
}

// weights enters all that is trained as nodes over the memory of Params, and makes their gradients.
func (b *builder) weights() {
	p := b.d.params
	for _, spec := range p.specs {
		b.d.nodes[spec.Name] = b.node(spec.Name, spec.Name)
	}
	if !b.d.options.Backward {
		return
	}
	slab := p.slab()
	for _, spec := range p.specs {
		b.d.gradients[spec.Name] = slab.Take(spec.Elements())
	}
}

func (b *builder) node(name, weight string) *G.Node {
	value := b.d.params.tensors[weight]
	return G.NewTensor(b.d.graph, tensor.Float32, value.Dims(), G.WithShape(value.Shape()...), G.WithName(name),
		G.WithValue(value))
}

func (b *builder) weight(name string) *G.Node { return b.d.nodes[name] }

// headName is the weight of the head.
func headName(c *model.Config) string {
	if c.TieWordEmbeddings {
		return model.EmbedTokens
	}
	return model.LMHead
}

// headWeight is the head's node. A tied head has one of its own over the memory of the
// embedding, so that Gorgonia adds no gradients of the whole vocabulary: the embedding
// adds its rows to the head's.
func (b *builder) headWeight() *G.Node {
	if !b.d.cfg.TieWordEmbeddings {
		return b.weight(model.LMHead)
	}
	b.d.tied = b.node("tied "+model.LMHead, model.EmbedTokens)
	return b.d.tied
}

func (b *builder) apply(f bitlinear.Func, inputs ...*G.Node) *G.Node {
	if b.err != nil {
		return inputs[0]
	}
	if back := f.Backward; back != nil {
		f.Backward = func(in [][]float32, grad []float32, grads [][]float32) {
			if !b.d.ws.evaluating {
				back(in, grad, grads)
			}
		}
	}
	n, err := bitlinear.Apply(f, inputs...)
	if err != nil {
		b.err = err
		return inputs[0]
	}
	return n
}
