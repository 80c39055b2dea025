package infer

import (
	"errors"
	"math"
	"slices"

	"trit/bitlinear/kernel/vector"
	"trit/infer/deltanet"
	"trit/model"
)

// pass takes the next tokens of one or several sessions through the layers together. It holds
// the working memory, which is reused from pass to pass. A row is one token of the batch.
type pass struct {
	m        *Model
	spans    []span // of the layer that is computed
	first    []int  // first row of each span
	adapted  []adaptedRows
	position []int       // of each row in its session
	session  []*Session  // of each row
	x        []float32   // [rows, D] residual stream
	in       activations // of the next product
	block    []float32   // what q, k, v and att are in, and then gate and up
	q, k, v  []float32
	att, out []float32
	both     []float32     // [rows, 2*QDim] queries with gates, of a hybrid
	outGate  []float32     // [rows, width] gates of what a mixer makes
	delta    deltanet.Rows // of gated delta nets
	gate, up []float32
	last     activations // of the head
	full     []float32   // logits of the rows of a choice
	bounded  []boundedLogits
	tasks    attentionTasks
}

func newPass(m *Model) pass { return pass{m: m, in: activations{int4: m.config.Int4Activations}} }

// span is the next tokens of a session, consecutive rows of the batch.
type span struct {
	s     *Session
	ids   []int32
	draft bool // the session may be cut back to any of them
}

// part is spans that go through some layers in a pass and through the next ones in a later pass.
type part struct {
	spans []span
	layer int       // the next one
	x     []float32 // [rows, D], the residual stream before it
}

// run takes the tokens of all spans through the layers and appends them to their sessions. The
// final hidden states are in x.
func (p *pass) run(spans []span) { p.runFor(spans, nil) }

// runFor is run for a caller that needs the hidden states of the wanted rows only: sorted, or
// nil for all. The last layer computes keys and values of all rows, and everything after them
// for the wanted rows alone. The wanted rows are then the first rows of x.
func (p *pass) runFor(spans []span, wanted []int) { p.runBeside(spans, &part{}, 0, wanted) }

// runBeside is runFor that also takes a part through its next layers. In these the rows of the
// part come after those of the spans, and each weight that is read serves both. Rows of the part
// can be wanted if it comes to its end.
func (p *pass) runBeside(spans []span, beside *part, layers int, wanted []int) {
	all, end := slices.Concat(spans, beside.spans), min(beside.layer+layers, len(p.m.layers))
	catchUp(all)
	p.reserve(all)
	whole := p.embed(0, spans)
	total := p.embed(whole, beside.spans)
	d := p.m.config.HiddenSize
	if beside.layer > 0 {
		copy(p.x[whole*d:total*d], beside.x)
	}
	n := -1
	for l := range p.m.layers {
		switch inside := beside.layer <= l && l < end; {
		case inside && n != total:
			n = p.use(all, total)
		case !inside && n != whole:
			n = p.use(spans, whole)
		}
		if n > 0 {
			p.input(p.x, p.m.layers[l].inputNorm, p.m.config.HiddenSize)
			p.m.layers[l].mixer.read(p, n)
		}
		if l == len(p.m.layers)-1 && wanted != nil && len(wanted) < n {
			n = p.selectRows(l, wanted)
		}
		if n > 0 {
			p.m.layers[l].mixer.write(p, n)
			p.addResidual(n)
			p.feedForwardBlock(l, n)
		}
	}
	appendTokens(spans)
	if beside.layer = end; end == len(p.m.layers) {
		appendTokens(beside.spans)
		return
	}
	beside.x = append(beside.x[:0], p.x[whole*d:total*d]...)
}

// embed makes the tokens of spans the rows from n on, and returns the row after them.
func (p *pass) embed(n int, spans []span) int {
	d := p.m.config.HiddenSize
	for _, sp := range spans {
		for i, id := range sp.ids {
			p.embedToken(p.x[n*d:][:d], int(id))
			p.position[n], p.session[n] = sp.s.Len()+i, sp.s
			n++
		}
	}
	return n
}

// embedToken writes the row of the embedding for a token to dst.
func (p *pass) embedToken(dst []float32, id int) {
	p.m.embedding.row(dst, id)
	p.m.bases.table.OutOf(dst)
	if scale := p.m.config.EmbeddingScale(); scale != 1 {
		vector.Scale(float32(scale), dst)
	}
}

// use makes the spans those of the next layers, and returns n, the number of their rows.
func (p *pass) use(spans []span, n int) int {
	p.spans = spans
	p.tasks.plan(p.m, stretches(spans, nil))
	p.planAdapters(nil)
	return n
}

func appendTokens(spans []span) {
	for _, sp := range spans {
		sp.s.append(sp.ids)
	}
}

// reserve allocates memory for the rows of spans.
func (p *pass) reserve(spans []span) {
	c, n := &p.m.config, 0
	p.first = grow(p.first, len(spans))
	for i, sp := range spans {
		p.first[i] = n
		n += len(sp.ids)
	}
	p.position, p.session = grow(p.position, n), grow(p.session, n)
	p.x, p.out = grow(p.x, n*c.HiddenSize), grow(p.out, n*c.HiddenSize)
	p.reserveBlock(n)
	if c.IsHybrid() {
		p.reserveHybrid(n)
	}
}

// reserveBlock allocates what a block needs for n rows. Attention and the feed-forward layer follow each
// other, so they share memory.
func (p *pass) reserveBlock(n int) {
	c := &p.m.config
	q, kv, f := n*c.QDim(), n*c.KVDim(), n*c.IntermediateSize
	p.block = grow(p.block, 2*max(q+kv, f))
	rest := p.block
	take := func(n int) []float32 {
		piece := rest[:n:n]
		rest = rest[n:]
		return piece
	}
	p.q, p.att, p.k, p.v = take(q), take(q), take(kv), take(kv)
	rest = p.block
	p.gate, p.up = take(f), take(f)
}

// reserveHybrid allocates what only a hybrid needs for n rows.
func (p *pass) reserveHybrid(n int) {
	c, r := &p.m.config, &p.delta
	d := &c.DeltaNet
	p.both, p.outGate = grow(p.both, n*c.QueryRows()), grow(p.outGate, n*max(c.QDim(), d.ValueDim()))
	r.Inputs, r.Out = grow(r.Inputs, n*d.ConvDim()), grow(r.Out, n*d.ValueDim())
	r.Alpha, r.Beta = grow(r.Alpha, n*d.ValueHeads), grow(r.Beta, n*d.ValueHeads)
}

// logits writes the logits after the rows [lo,hi) to dst, [hi-lo, V].
func (p *pass) logits(dst []float32, lo, hi int) error {
	rows := make([]int, hi-lo)
	for i := range rows {
		rows[i] = lo + i
	}
	if err := p.finalNorm(rows); err != nil {
		return err
	}
	p.m.headLogits(dst[:len(rows)*p.m.config.VocabSize], &p.last, len(rows))
	return nil
}

// errNotFinite is the error of a pass that ends in values of which no token can be chosen.
var errNotFinite = errors.New("the model computes values that are not finite: its weights are damaged or too large")

// finalNorm makes the final norms of some rows the input of the head, in p.last.
func (p *pass) finalNorm(rows []int) error {
	d := p.m.config.HiddenSize
	p.last.begin(d, func(dst []float32, t int) { p.headInput(dst, p.x[rows[t]*d:][:d]) })
	return checkFinite(p.last.floats(p.m.pool, len(rows))[:len(rows)*d])
}

// headInput writes the input of the head for a row x of the residual stream.
func (p *pass) headInput(dst, x []float32) {
	p.norm(dst, x, p.m.headNorm)
	p.m.bases.head.Into(dst)
}

// checkFinite returns errNotFinite if a value is not finite.
func checkFinite(x []float32) error {
	if slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 }) {
		return errNotFinite
	}
	return nil
}

// norm writes the RMSNorm of x with the weights w to dst, or x itself if w is nil.
func (p *pass) norm(dst, x, w []float32) {
	if w == nil {
		copy(dst, x)
		return
	}
	inverse := float32(1 / math.Sqrt(float64(vector.Dot(x, x))/float64(len(w))+p.m.config.RMSNormEps))
	vector.ScaledProduct(dst, w, x, inverse)
}

// input makes the norms of the rows of x, each of width values, the input of the next products.
func (p *pass) input(x, w []float32, width int) {
	p.in.begin(width, func(dst []float32, t int) { p.norm(dst, x[t*width:][:width], w) })
}

// selectRows moves the wanted rows of x and of what the mixer of layer l needs to the front, plans
// attention for them alone, and returns their number.
func (p *pass) selectRows(l int, wanted []int) (n int) {
	column{p.x, p.m.config.HiddenSize}.pick(wanted)
	for _, c := range p.m.layers[l].mixer.carried(p) {
		c.pick(wanted)
	}
	p.tasks.plan(p.m, stretches(p.spans, wanted))
	p.planAdapters(wanted)
	return len(wanted)
}

// project multiplies n rows of the input by some weights, and adds what adapters make of them. If
// the weights have norms of their own, each multiplies its norm of the input.
func (p *pass) project(n int, list ...output) {
	multiply := func(list ...output) { p.multiply(n, list...) }
	if list[0].norm == nil {
		p.eachBasis(list, multiply)
		return
	}
	common := p.in.row
	for _, o := range list {
		p.in.begin(p.in.k, func(dst []float32, t int) {
			common(dst, t)
			p.norm(dst, dst, o.norm)
		})
		p.eachBasis([]output{o}, multiply)
	}
}

// eachBasis calls multiply with the weights of a list that are in the same basis, after the input was
// turned into it.
func (p *pass) eachBasis(list []output, multiply func(list ...output)) {
	if p.m.bases.inputs == nil {
		multiply(list...)
		return
	}
	for len(list) > 0 {
		in := p.m.bases.inputs[list[0].w]
		var same, others []output
		for _, o := range list {
			if p.m.bases.inputs[o.w] == in {
				same = append(same, o)
			} else {
				others = append(others, o)
			}
		}
		p.in.turn(in)
		multiply(same...)
		list = others
	}
}

// multiply is project for weights that read the same rows.
func (p *pass) multiply(n int, list ...output) {
	if len(p.adapted) > 0 {
		p.in.floats(p.m.pool, n) // once: the products with ternary weights round these
	}
	mulAll(p.m.pool, &p.in, n, list...)
	for _, rows := range p.adapted {
		rows.add(p.m.pool, &p.in, list)
	}
}

// keep applies the norms of heads, if the model has them, and then rotary position embeddings to queries and
// keys of n rows, and writes keys and values to the caches of the mixer, a KV head of a row at a time.
func (p *pass) keep(w *attentionMixer, n int) {
	c := &p.m.config
	for _, sp := range p.spans {
		sp.s.cache[w.slot].reserve(sp.s.Len(), sp.s.Len()+len(sp.ids))
	}
	// Another thread pays from about 2^9 values on.
	p.m.pool.Chunks(n*c.NumKeyValueHeads, max(1, (1<<9)/((p.m.groupSize()+2)*c.HeadDim)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p.keepHead(w, i%n, i/n)
		}
	})
}

// keepHead is keep for a KV head of row t, with the query heads that share it.
func (p *pass) keepHead(w *attentionMixer, t, head int) {
	c, s, width := &p.m.config, p.session[t], p.m.groupSize()*p.m.config.HeadDim
	q, at := p.q[t*c.QDim()+head*width:][:width], t*c.KVDim()+head*c.HeadDim
	k, v := p.k[at:][:c.HeadDim], p.v[at:][:c.HeadDim]
	p.normHeads(q, w.qNorm)
	p.normHeads(k, w.kNorm)
	s.rope.rotate(q, p.position[t], p.m.interleaved)
	s.rope.rotate(k, p.position[t], p.m.interleaved)
	s.cache[w.slot].write(head, p.position[t], k, v)
}

// normHeads replaces each head of a row by its RMSNorm with the weights w; nil changes nothing.
func (p *pass) normHeads(row, w []float32) {
	if w == nil {
		return
	}
	for ; len(row) > 0; row = row[len(w):] {
		p.norm(row[:len(w)], row[:len(w)], w)
	}
}

// addResidual adds the output of a block to the residual stream.
func (p *pass) addResidual(n int) {
	d, scale := p.m.config.HiddenSize, float32(p.m.config.ResidualScale())
	rows(p.m.pool, n, d, func(t int) { vector.Axpy(scale, p.out[t*d:][:d], p.x[t*d:][:d]) })
}

// feedForwardBlock computes the feed-forward layer of n rows and adds its output to the residual
// stream.
func (p *pass) feedForwardBlock(l, n int) {
	c, w := &p.m.config, &p.m.layers[l]
	p.input(p.x, w.postNorm, c.HiddenSize)
	p.project(n, output{w.gate, p.gate, w.norms.gate}, output{w.up, p.up, w.norms.up})
	f := c.IntermediateSize
	p.in.begin(f, func(dst []float32, t int) {
		p.activate(dst, p.gate[t*f:][:f], p.up[t*f:])
		p.norm(dst, dst, w.ffnSubNorm)
	})
	p.project(n, output{w.down, p.out, w.norms.down})
	p.addResidual(n)
}

// activate writes act(gate)*up to dst.
func (p *pass) activate(dst, gate, up []float32) {
	if p.m.config.HiddenAct == model.ReLU2 {
		vector.ReLU2Product(dst, gate, up)
		return
	}
	vector.SiLUProduct(dst, gate, up)
}
