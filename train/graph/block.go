package graph

import (
	"slices"

	"trit/bitlinear"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/model"
)

// block is a decoder block as one operation, x [M,D] -> [M,D]:
//
//	x2 = x + o_proj(sub_norm(attention(qkv_proj(norm(x)))))
//	y = x2 + down_proj(sub_norm(act(gate)*up)), where gate, up = proj(norm(x2))
//
// With QKNorm each head of queries and keys has a norm before its rotation. With HadamardBlock the inputs of
// o_proj and down_proj are turned after their norms.
//
// Between forward and backward it keeps the values that are expensive to compute again: the
// inputs of the products in int8, their outputs, and one factor of each norm for each row. With
// activation checkpointing the blocks share that memory, and the backward pass computes the
// values again from x.
type block struct {
	*workspace
	names                []string // of what is trained, in the order of the operation's inputs
	places               []place  // of the weights, in the order of blockTensors
	kept                 *kept
	qkv, o, gateUp, down *bitlinear.Linear
	absMax               [4]float32 // of the inputs of the products in the last forward pass
	states               *States    // what a student of this model learns from; nil: nothing
	relations            *relations // of the queries, keys and values to a teacher's; nil: none
}

// kept holds the values that the forward pass of a block leaves for the backward pass, which
// overwrites some of them with gradients.
type kept struct {
	inNorm, attnNorm, postNorm, ffnNorm []float32        // [M], 1/rms
	qkvIn, oIn, gateUpIn, downIn        *bitlinear.Input // [M,D], [M,Q], [M,D], [M,F]
	heads, headNorm                     []float32        // [M,Q+KV], [M,heads]: before their norms, and 1/rms; nil without
	qkv                                 []float32        // [M,Q+2KV], rotated; then its gradient
	attention                           []float32        // [M,Q]
	lse                                 []float32        // [B,heads,T]
	x2                                  []float32        // [M,D]
	gateUp                              []float32        // [M,2F]; then its gradient
}

// blockWeights are the weights of a block, or their gradients.
type blockWeights[T any] struct {
	inNorm, attnNorm, postNorm, ffnNorm []float32 // the second and last nil without sub norms
	qNorm, kNorm                        []float32 // of the heads; nil without
	qkv, o, gateUp, down                []T
}

// place says where a weight of a block and its adapter are.
type place struct {
	vector []float32         // of a frozen norm
	matrix *bitlinear.Frozen // of a frozen projection
	value  int               // index of the weight among the operation's inputs behind x; -1: it is frozen
	a      int               // index of A there, which B follows; -1: there is no adapter
}

// blockTensors names the weights of a block in the order in which the block computes with them.
func blockTensors(c *model.Config, layer int) []string {
	names := []string{model.InputNorm, model.QProj, model.KProj, model.VProj, model.QNorm, model.KNorm, model.AttnSubNorm, model.OProj,
		model.PostNorm, model.GateProj, model.UpProj, model.FFNSubNorm, model.DownProj}
	if !c.SubNorms {
		names = slices.DeleteFunc(names, func(n string) bool { return n == model.AttnSubNorm || n == model.FFNSubNorm })
	}
	if !c.QKNorm {
		names = slices.DeleteFunc(names, func(n string) bool { return n == model.QNorm || n == model.KNorm })
	}
	for i, n := range names {
		names[i] = model.LayerTensor(layer, n)
	}
	return names
}

// place finds out where the weights are, and names what is trained.
func (b *block) place(tensors []string, p *Params) {
	for _, name := range tensors {
		at := place{value: -1, a: -1}
		if p.base == nil {
			at.value = len(b.names)
			b.names = append(b.names, name)
		} else {
			at.vector, at.matrix = p.base.vectors[name], p.base.matrices[name]
		}
		if _, ok := p.tensors[p.lora.name(name, "A")]; ok {
			at.a = len(b.names)
			b.names = append(b.names, p.lora.name(name, "A"), p.lora.name(name, "B"))
		}
		b.places = append(b.places, at)
	}
}

// weights sorts the inputs of the operation behind x, and what is frozen.
func (b *block) weights(in [][]float32) blockWeights[bitlinear.Weight] {
	return sorted(b, func(p place) []float32 {
		if p.value < 0 {
			return p.vector
		}
		return in[p.value]
	}, func(p place) (w bitlinear.Weight) {
		if w.Frozen = p.matrix; p.value >= 0 {
			w.Value = in[p.value]
		}
		if p.a >= 0 {
			w.A, w.B = in[p.a], in[p.a+1]
		}
		return w
	})
}

// grads sorts the gradients of the inputs behind x; those of what is frozen are nil.
func (b *block) grads(grads [][]float32) blockWeights[bitlinear.Grad] {
	return sorted(b, func(p place) []float32 {
		if p.value < 0 {
			return nil
		}
		return grads[p.value]
	}, func(p place) (g bitlinear.Grad) {
		if p.value >= 0 {
			g.Value = grads[p.value]
		}
		if p.a >= 0 {
			g.A, g.B = grads[p.a], grads[p.a+1]
		}
		return g
	})
}

// sorted makes the weights of a block, which places has in the order of blockTensors.
func sorted[T any](b *block, norm func(place) []float32, matrix func(place) T) (w blockWeights[T]) {
	places := b.places
	take := func(n int) (list []T) {
		for _, p := range places[:n] {
			list = append(list, matrix(p))
		}
		places = places[n:]
		return list
	}
	takeNorm := func() []float32 {
		p := places[0]
		places = places[1:]
		return norm(p)
	}
	w.inNorm, w.qkv = takeNorm(), take(3)
	if b.config.QKNorm {
		w.qNorm, w.kNorm = takeNorm(), takeNorm()
	}
	if b.config.SubNorms {
		w.attnNorm = takeNorm()
	}
	w.o, w.postNorm, w.gateUp = take(1), takeNorm(), take(2)
	if b.config.SubNorms {
		w.ffnNorm = takeNorm()
	}
	w.down = take(1)
	return w
}

func newBlock(ws *workspace, layer int, p *Params) *block {
	c, s, rows := ws.config, &ws.scratch, ws.rows
	b := &block{workspace: ws,
		qkv:    bitlinear.NewLinear(ws.mode, s, rows, c.HiddenSize, c.QDim(), c.KVDim(), c.KVDim()),
		o:      bitlinear.NewLinear(ws.mode, s, rows, c.QDim(), c.HiddenSize),
		gateUp: bitlinear.NewLinear(ws.mode, s, rows, c.HiddenSize, c.IntermediateSize, c.IntermediateSize),
		down:   bitlinear.NewLinear(ws.mode, s, rows, c.IntermediateSize, c.HiddenSize)}
	for i, l := range []*bitlinear.Linear{b.qkv, b.o, b.gateUp, b.down} {
		l.Number = 4*layer + i
	}
	b.place(blockTensors(c, layer), p)
	if b.kept = ws.shared; b.kept == nil {
		b.kept = b.newKept()
	}
	if ws.share {
		ws.shared = b.kept
	}
	return b
}

func (b *block) newKept() *kept {
	c, m := b.config, b.rows
	floats := func(width int) []float32 { return memory.Make[float32](m * width) }
	k := &kept{
		inNorm: floats(1), attnNorm: floats(1), postNorm: floats(1), ffnNorm: floats(1),
		qkvIn: b.qkv.NewInput(), oIn: b.o.NewInput(), gateUpIn: b.gateUp.NewInput(), downIn: b.down.NewInput(),
		qkv: floats(c.QDim() + 2*c.KVDim()), attention: floats(c.QDim()), lse: floats(c.NumAttentionHeads),
		x2: floats(c.HiddenSize), gateUp: floats(2 * c.IntermediateSize)}
	if c.QKNorm {
		k.heads, k.headNorm = floats(c.QDim()+c.KVDim()), floats(c.NumAttentionHeads+c.NumKeyValueHeads)
	}
	return k
}

// fn is the operation; grads are the buffers of the gradients of its inputs.
func (b *block) fn(grads [][]float32) bitlinear.Func {
	return bitlinear.Func{
		Name: "block", Shape: []int{b.rows, b.config.HiddenSize}, Grads: grads,
		Forward: b.forward, Backward: b.backward,
	}
}

func (b *block) forward(in [][]float32, y []float32) {
	w, d := b.weights(in[1:]), b.config.HiddenSize
	b.forwardKept(in[0], w, func() { b.down.Prepare(w.down) }, func(p *band) {
		p.forward(b.down, b.kept.downIn, w.down, p.out)
		p.rows(func(r int, _ *rowScratch) { vector.Add(y[r*d:], b.kept.x2[r*d:][:d], p.out[(r-p.lo)*d:]) })
	})
	for i, input := range []*bitlinear.Input{b.kept.qkvIn, b.kept.oIn, b.kept.gateUpIn, b.kept.downIn} {
		b.absMax[i] = input.AbsMax()
	}
}

// readers are the weights that read each input, in the order of block.absMax.
var readers = [][]string{
	{model.QProj, model.KProj, model.VProj}, {model.OProj}, {model.GateProj, model.UpProj}, {model.DownProj},
}

// forwardKept fills b.kept: it is the forward pass without the last product, which last may add, after prepare.
func (b *block) forwardKept(
	x []float32, w blockWeights[bitlinear.Weight], prepare func(), last func(p *band),
) {
	b.attend(x, w)
	b.inBands(func() {
		b.o.Prepare(w.o)
		b.gateUp.Prepare(w.gateUp)
		prepare()
	}, func(p *band) {
		b.feedForward(x, w, p)
		last(p)
	})
}

// attend fills b.kept up to the output of the attention.
func (b *block) attend(x []float32, w blockWeights[bitlinear.Weight]) {
	k, d, width := b.kept, b.config.HiddenSize, b.attention.width
	compares := b.relations != nil && !b.evaluating // before the rotation
	b.inBands(func() { b.qkv.Prepare(w.qkv) }, func(p *band) {
		p.rows(func(r int, s *rowScratch) { b.setNormed(b.qkv, k.qkvIn, k.inNorm, r, x[r*d:][:d], w.inNorm, s) })
		p.forward(b.qkv, k.qkvIn, w.qkv, p.of(k.qkv, width))
		p.rows(func(r int, _ *rowScratch) {
			b.normHeads(w.qNorm, w.kNorm, r)
			if b.states != nil {
				copy(b.states.Values[r*width:], k.qkv[r*width:][:width])
			}
			if !compares {
				b.attention.rotate(k.qkv, r, false)
			}
		})
	})
	if compares {
		b.relations.compare(k.qkv)
		b.attention.rotateAll(k.qkv, false)
	}
	b.attention.forward(k.qkv, k.attention, k.lse)
}

// feedForward sets rows of the input of the last product by the output of the attention.
func (b *block) feedForward(x []float32, w blockWeights[bitlinear.Weight], p *band) {
	c, k := b.config, b.kept
	d, q, f := c.HiddenSize, c.QDim(), c.IntermediateSize
	p.rows(func(r int, s *rowScratch) {
		b.setNormed(b.o, k.oIn, k.attnNorm, r, k.attention[r*q:][:q], w.attnNorm, s)
	})
	p.forward(b.o, k.oIn, w.o, p.out)
	p.rows(func(r int, s *rowScratch) {
		x2 := k.x2[r*d:][:d]
		vector.Add(x2, x[r*d:][:d], p.out[(r-p.lo)*d:])
		b.setNormed(b.gateUp, k.gateUpIn, k.postNorm, r, x2, w.postNorm, s)
	})
	p.forward(b.gateUp, k.gateUpIn, w.gateUp, p.of(k.gateUp, 2*f))
	p.rows(func(r int, s *rowScratch) {
		b.setNormed(b.down, k.downIn, k.ffnNorm, r, b.unit.forward(s.unit, k.gateUp[2*r*f:][:2*f]), w.ffnNorm, s)
	})
}

// setNormed sets row r of a layer's input to the norm of x with the weights w, turned if the layer's is, and
// inverse[r] to 1/rms. Without a norm, w is nil, and the row is x.
func (b *block) setNormed(
	l *bitlinear.Linear, in *bitlinear.Input, inverse []float32, r int, x, w []float32, s *rowScratch,
) {
	y := s.norm[:len(x)]
	switch {
	case w != nil:
		inverse[r] = inverseRMS(x, b.config.RMSNormEps)
		vector.ScaledProduct(y, w, x, inverse[r])
	case b.turns(l):
		copy(y, x)
	default:
		y = x
	}
	b.turn(l, y)
	l.SetInput(in, r, y)
}

// turns reports whether the input of a layer of the block passes a Walsh-Hadamard transform (Wang et al.,
// "BitNet v2", 2025).
func (b *block) turns(l *bitlinear.Linear) bool {
	return b.config.HadamardBlock != 0 && (l == b.o || l == b.down)
}

// turn transforms a row of the input of a layer, or of its gradient: the transform is its own transpose.
func (b *block) turn(l *bitlinear.Linear, x []float32) {
	if b.turns(l) {
		vector.Hadamard(x, b.config.HadamardBlock)
	}
}

// backward turns the gradient of y into the gradient of x, in place: grad is the gradient of the
// residual stream, first at y, then at x2, then at x.
func (b *block) backward(in [][]float32, grad []float32, grads [][]float32) {
	w, dw := b.weights(in[1:]), b.grads(grads[1:])
	if b.share {
		b.forwardKept(in[0], w, func() {}, func(*band) {})
		b.down.Recall(b.kept.downIn, w.down)
	}
	b.feedForwardGrad(w, dw, grad)
	b.attentionGrad(in[0], w, dw, grad)
	b.done(b.names...)
}

func (b *block) feedForwardGrad(
	w blockWeights[bitlinear.Weight], dw blockWeights[bitlinear.Grad], grad []float32,
) {
	c, k := b.config, b.kept
	d, f := c.HiddenSize, c.IntermediateSize
	b.down.Backward(k.downIn, w.down, grad, b.wider, dw.down, b.accumulate)
	b.gateUp.BeginGrad(k.gateUpIn)
	b.normGrads(dw.ffnNorm, f, func(r int, dNorm []float32, s *rowScratch) {
		g, gateUp := b.wider[r*f:][:f], k.gateUp[2*r*f:][:2*f]
		b.turn(b.down, g)
		if w.ffnNorm != nil {
			rmsNormGrad(g, b.unit.forward(s.unit, gateUp), w.ffnNorm, dNorm, k.ffnNorm[r])
		}
		dGateUp := gateUp
		if b.gateUp.TakesGrad() {
			dGateUp = s.gateUp // so that memory need not take it
		}
		b.unit.backward(dGateUp, gateUp, g)
		b.gateUp.SetGrad(r, dGateUp)
	})
	b.gateUp.Backward(k.gateUpIn, w.gateUp, k.gateUp, b.wide, dw.gateUp, b.accumulate)
	b.o.BeginGrad(k.oIn)
	b.normGrads(dw.postNorm, d, func(r int, dNorm []float32, _ *rowScratch) {
		addRMSNormGrad(grad[r*d:], b.wide[r*d:][:d], k.x2[r*d:][:d], w.postNorm, dNorm, k.postNorm[r])
		b.o.SetGrad(r, grad[r*d:][:d])
	})
}

func (b *block) attentionGrad(
	x []float32, w blockWeights[bitlinear.Weight], dw blockWeights[bitlinear.Grad], grad []float32,
) {
	c, k := b.config, b.kept
	d, q := c.HiddenSize, c.QDim()
	b.o.Backward(k.oIn, w.o, grad, b.wider, dw.o, b.accumulate)
	if w.attnNorm != nil || b.turns(b.o) {
		b.normGrads(dw.attnNorm, q, func(r int, dNorm []float32, s *rowScratch) {
			g := b.wider[r*q:][:q]
			b.turn(b.o, g)
			if w.attnNorm != nil {
				rmsNormGrad(g, k.attention[r*q:][:q], w.attnNorm, dNorm, k.attnNorm[r])
			}
		})
	}
	b.attention.backward(k.qkv, k.attention, k.lse, b.wider)
	b.projectionsGrad(w, dw)
	b.qkv.Backward(k.qkvIn, w.qkv, k.qkv, b.wide, dw.qkv, b.accumulate)
	b.normGrads(dw.inNorm, d, func(r int, dNorm []float32, _ *rowScratch) {
		addRMSNormGrad(grad[r*d:], b.wide[r*d:][:d], x[r*d:][:d], w.inNorm, dNorm, k.inNorm[r])
	})
}

// projectionsGrad takes the gradient in kept.qkv back through the rotation and what is before it, up to the outputs of
// the projections.
func (b *block) projectionsGrad(w blockWeights[bitlinear.Weight], dw blockWeights[bitlinear.Grad]) {
	qkv, width := b.kept.qkv, b.attention.width
	last := b.relations == nil && w.qNorm == nil
	if last {
		b.qkv.BeginGrad(b.kept.qkvIn)
	}
	forRows(b.pool, b.rows, width, func(r int) {
		b.attention.rotate(qkv, r, true)
		if last {
			b.qkv.SetGrad(r, qkv[r*width:][:width])
		}
	})
	if b.relations != nil {
		vector.Axpy(1, b.relations.grad, qkv)
	}
	b.headsGrad(w, dw)
}
