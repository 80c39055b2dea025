package graph

import (
	"fmt"
	"time"

	G "gorgonia.org/gorgonia"

	"trit/bitlinear"
	"trit/bitlinear/kernel"
	"trit/model"
)

// Options say what graph to build. Shapes are fixed: another batch shape is another
// graph over the same Params.
type Options struct {
	Batch          int // rows, B
	SequenceLength int // tokens of a row, T
	Backward       bool
	BF16           bool // backward products of ternary layers and of the head in bfloat16
}

// HasBF16 tells whether this machine has products in bfloat16.
func HasBF16() bool { return kernel.HasBF16() }

// Decoder is a graph with its inputs and results. It is not for use by several
// goroutines; its operations use several threads themselves.
type Decoder struct {
	cfg     model.Config
	params  *Params
	options Options
	graph   *G.ExprGraph
	vm      G.VM
	loss    *G.Node
	lossVal G.Value
	nodes   map[string]*G.Node // weights
	grads   map[string]*G.Node
	linears []namedLinear
	tokens  []int32
	targets []int32
	starts  []int32
	head    *lossHead
	elapsed time.Duration
}

// namedLinear says which weights a Linear holds.
type namedLinear struct {
	*bitlinear.Linear
	names []string
}

// New builds the graph. Inputs are filled through Tokens, Targets and Starts.
func New(p *Params, o Options) (d *Decoder, err error) {
	defer recoverTo(&err)
	if o.Batch < 1 || o.SequenceLength < 1 || o.SequenceLength > p.Config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("batch of %d rows of %d tokens: want at least 1 of each, and at most max_position_embeddings (%d) tokens", o.Batch, o.SequenceLength, p.Config.MaxPositionEmbeddings)
	}
	if o.BF16 && !HasBF16() {
		return nil, fmt.Errorf("this machine has no matrix registers for bfloat16: set precision to float32")
	}
	n := o.Batch * o.SequenceLength
	d = &Decoder{cfg: p.Config, params: p, options: o, graph: G.NewGraph(), nodes: map[string]*G.Node{}, grads: map[string]*G.Node{},
		tokens: make([]int32, n), targets: make([]int32, n), starts: make([]int32, n)}
	b := &builder{d: d, rows: n}
	b.decoder()
	if b.err != nil {
		return nil, b.err
	}
	if o.Backward {
		if err := d.differentiate(); err != nil {
			return nil, err
		}
	}
	G.Read(d.loss, &d.lossVal)
	d.vm = G.NewTapeMachine(d.graph)
	return d, nil
}

// recoverTo turns a panic of Gorgonia, which compiles graphs that way, into an error.
func recoverTo(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the graph cannot be built: %v", r)
	}
}

func (d *Decoder) differentiate() error {
	var weights G.Nodes
	for _, spec := range d.params.specs {
		weights = append(weights, d.nodes[spec.Name])
	}
	grads, err := G.Grad(d.loss, weights...)
	if err != nil {
		return fmt.Errorf("the graph cannot be differentiated: %w", err)
	}
	for i, spec := range d.params.specs {
		d.grads[spec.Name] = grads[i]
	}
	return nil
}

// Tokens is the input, [B*T], to be filled in place.
func (d *Decoder) Tokens() []int32 { return d.tokens }

// Targets is the token to be predicted at each place, [B*T]; -1 where none is.
func (d *Decoder) Targets() []int32 { return d.targets }

// Starts is the first position of its row that each token may attend to, [B*T].
func (d *Decoder) Starts() []int32 { return d.starts }

// Run computes the mean cross entropy over the targets, and with Backward all
// gradients.
func (d *Decoder) Run() (loss float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the graph failed: %v", r)
		}
	}()
	if err := d.checkInputs(); err != nil {
		return 0, err
	}
	start := time.Now()
	d.vm.Reset()
	if err := d.vm.RunAll(); err != nil {
		return 0, fmt.Errorf("the graph failed: %w", err)
	}
	d.elapsed += time.Since(start)
	return d.lossVal.Data().(float32), nil
}

func (d *Decoder) checkInputs() error {
	for i, t := range d.tokens {
		place := int32(i % d.options.SequenceLength)
		if t < 0 || int(t) >= d.cfg.VocabSize || int(d.targets[i]) >= d.cfg.VocabSize || d.starts[i] < 0 || d.starts[i] > place {
			return fmt.Errorf("place %d holds token %d, target %d, start %d: want ids below the vocabulary size %d and a start from 0 to %d", i, t, d.targets[i], d.starts[i], d.cfg.VocabSize, place)
		}
	}
	return nil
}

// Grad is the gradient of a weight in the last Run, row-major.
func (d *Decoder) Grad(name string) []float32 { return d.grads[name].Value().Data().([]float32) }

// TokenLosses is -log p(target) at each place, [B*T]; 0 where there is no target.
func (d *Decoder) TokenLosses() []float32 { return d.head.losses }

// Greedy tells at each place, [B*T], whether the target has the largest logit.
func (d *Decoder) Greedy() []bool { return d.head.greedy }

// Logits is [B*T, V]. A graph with Backward overwrites it, so take one without.
func (d *Decoder) Logits() []float32 { return d.head.logits }

// Elapsed is the time that all runs took; what exceeds bitlinear.Inside over the same
// time is Gorgonia's own.
func (d *Decoder) Elapsed() time.Duration { return d.elapsed }

// Codes calls f with the ternary values, as float32, and the scale of every BitLinear
// weight, as the last Run used them.
func (d *Decoder) Codes(f func(name string, codes []float32, scale float32)) {
	for _, l := range d.linears {
		if !l.Ternary {
			continue
		}
		for i, name := range l.names {
			f(name, l.Linear.Codes(i), l.Scale(i))
		}
	}
}

// Close frees the machine.
func (d *Decoder) Close() error { return d.vm.Close() }
