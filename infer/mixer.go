package infer

import (
	"trit/bitlinear/kernel/vector"
	"trit/infer/deltanet"
	"trit/model"
)

// mixer is the part of a block in which tokens see those before them.
type mixer interface {
	// read takes n rows of the input: it computes what the sessions keep of them, and what write needs.
	read(p *pass, n int)
	// carried is what write needs of each row.
	carried(p *pass) []column
	// write makes p.out of n rows; the wanted rows may be fewer than those that were read.
	write(p *pass, n int)
	// projections are the weights by their names in a block.
	projections() map[string]matrix
}

// column is memory with a number of values for each row.
type column struct {
	x     []float32
	width int
}

// pick moves the wanted rows to the front.
func (c column) pick(wanted []int) {
	for i, row := range wanted {
		copy(c.x[i*c.width:][:c.width], c.x[row*c.width:])
	}
}

// attentionMixer is grouped-query causal attention. Norms that a model does not have are nil.
type attentionMixer struct {
	slot         int // of its keys and values in a session
	q, k, v, o   matrix
	qNorm, kNorm []float32 // of each head, before the rotation
	subNorm      []float32
	norms        projNorms
	gated        bool // q has a gate of its output behind each head
}

func (a *attentionMixer) projections() map[string]matrix {
	return map[string]matrix{model.QProj: a.q, model.KProj: a.k, model.VProj: a.v, model.OProj: a.o}
}

func (a *attentionMixer) read(p *pass, n int) {
	q := p.q
	if a.gated {
		q = p.both
	}
	p.project(n, output{a.q, q, a.norms.q}, output{a.k, p.k, a.norms.k}, output{a.v, p.v, a.norms.v})
	if a.gated {
		p.divideQueries(n)
	}
	p.keep(a, n)
}

func (a *attentionMixer) carried(p *pass) []column {
	list := []column{{p.q, p.m.config.QDim()}}
	if a.gated {
		list = append(list, column{p.outGate, p.m.config.QDim()})
	}
	return list
}

func (a *attentionMixer) write(p *pass, n int) {
	width := p.m.config.QDim()
	p.attend(a.slot)
	p.input(p.att, a.subNorm, width)
	if a.gated {
		p.in.begin(width, func(dst []float32, t int) {
			vector.ScaledProduct(dst, p.outGate[t*width:][:width], p.att[t*width:], 1)
		})
	}
	p.project(n, output{a.o, p.out, a.norms.o})
}

// divideQueries divides n rows of queries with gates: the queries go to p.q, and the sigmoids of the
// gates to p.outGate.
func (p *pass) divideQueries(n int) {
	d, width := p.m.config.HeadDim, p.m.config.QDim()
	rows(p.m.pool, n, 2*width, func(t int) {
		gates := p.outGate[t*width:][:width]
		for at := 0; at < width; at += d {
			both := p.both[2*(t*width+at):]
			copy(p.q[t*width+at:][:d], both)
			for i, v := range both[d : 2*d] {
				gates[at+i] = max(v, lowestGate)
			}
		}
		vector.ExpScaled(gates, -1, 0)
		for i, e := range gates {
			gates[i] = 1 / (1 + e)
		}
	})
}

// lowestGate is the least value of a gate: that of less is as good as closed.
const lowestGate = -80

// deltaMixer is a gated delta net.
type deltaMixer struct {
	slot                         int // of its memory in a session
	inQKV, inZ, inA, inB, result matrix
	net                          *deltanet.Layer
	norm                         []float32 // of each head of the values
}

func (d *deltaMixer) projections() map[string]matrix {
	return map[string]matrix{
		model.InQKV: d.inQKV, model.InZ: d.inZ, model.InA: d.inA, model.InB: d.inB, model.LinearOut: d.result,
	}
}

func (d *deltaMixer) read(p *pass, n int) {
	r := &p.delta
	p.project(n, output{w: d.inQKV, y: r.Inputs}, output{w: d.inZ, y: p.outGate}, output{w: d.inA, y: r.Alpha},
		output{w: d.inB, y: r.Beta})
	spans := make([]deltanet.Span, len(p.spans))
	for i, sp := range p.spans {
		spans[i] = deltanet.Span{Memory: sp.s.memories[d.slot], N: len(sp.ids), Draft: sp.draft}
	}
	d.net.Run(p.m.pool, spans, r)
}

func (d *deltaMixer) carried(p *pass) []column {
	width := p.m.config.DeltaNet.ValueDim()
	return []column{{p.delta.Out, width}, {p.outGate, width}}
}

func (d *deltaMixer) write(p *pass, n int) {
	width := p.m.config.DeltaNet.ValueDim()
	rows(p.m.pool, n, width, func(t int) { p.normHeads(p.delta.Out[t*width:][:width], d.norm) })
	p.in.begin(width, func(dst []float32, t int) {
		vector.SiLUProduct(dst, p.outGate[t*width:][:width], p.delta.Out[t*width:])
	})
	p.project(n, output{w: d.result, y: p.out})
}
