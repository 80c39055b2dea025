package graph

import (
	"errors"
	"fmt"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"

	"trit/bitlinear"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intgrad"
	"trit/format/adapter"
	"trit/model"
)

// Options say how a graph is built. Its shapes are fixed: another batch shape needs another
// graph, over the same Params.
type Options struct {
	Batch          int // rows, B
	SequenceLength int // tokens of a row, T
	Backward       bool
	// BF16 computes in bfloat16 the products of gradients, of attention (where causal.Has), of the
	// head and of layers that are not ternary.
	BF16 bool
	// Int8Gradients rounds the gradients of the outputs of ternary layers to int8; see bitlinear.Mode.
	Int8Gradients bool
	// CheckpointActivations keeps only the input of each block and computes the rest again
	// in the backward pass.
	CheckpointActivations bool
	// ZLoss is the weight of the mean of log(sum(exp(logits)))^2, which is added to the loss that
	// gradients are of. Run returns the loss without it.
	ZLoss float64
	// Preference makes pairs of rows the objective, in place of the cross entropy; see Preference.
	Preference  *Preference
	Threads     int  // threads of the operations; 0: one for each processor
	Unquantized bool // begin with a Rounding of 0, which needs more memory
	// Distill adds what a teacher says to the loss that gradients are of; nil: there is none.
	Distill *Distillation
}

// keepsCodes reports whether each layer keeps its codes from the forward to the backward pass.
func (o Options) keepsCodes() bool { return o.Backward && (o.BF16 || o.Int8Gradients) }

// ErrOnlyEngine is in the errors of Check about parts of a model that the graph does not compute and the engine does.
var ErrOnlyEngine = errors.New("only the engine has")

// Check returns an error if a configuration is invalid, or has parts that the graph does not
// compute.
func Check(c *model.Config) error {
	err := c.Validate()
	if c.ProjBias {
		err = errors.Join(err, fmt.Errorf("proj_bias is true: the training graph has no biases, %w: "+
			"train a model with deadzone_bias, or run this one as a GGUF file", ErrOnlyEngine))
	}
	if c.ProjNorms {
		err = errors.Join(err, fmt.Errorf("proj_norms is true: the training graph has no such norms, %w: "+
			"train a model with it false, or run this one as a GGUF file", ErrOnlyEngine))
	}
	if c.IsHybrid() {
		err = errors.Join(err, fmt.Errorf("some blocks are gated delta nets: the training graph does not have them, %w: "+
			"run this model as a GGUF file", ErrOnlyEngine))
	}
	if c.HasScales() {
		err = errors.Join(err, fmt.Errorf("scale_emb is %g: the training graph does not have MiniCPM's scales of embedding, "+
			"blocks and logits, %w: train a llama, or run this model as a GGUF file", c.ScaleEmb, ErrOnlyEngine))
	}
	return err
}

// HasInt8Gradients reports whether this machine has products of gradients in int8.
func HasInt8Gradients() bool { return intgrad.Fast() }

// MaxInt8Tokens is the largest number of tokens of a batch whose gradients may be in int8.
const MaxInt8Tokens = intgrad.MaxTokens

// HasBF16 reports whether this machine has products in bfloat16.
func HasBF16() bool { return gemm.HasBF16() }

// Decoder is a graph with its inputs and results. It is not for use by several
// goroutines; its operations use several threads themselves.
type Decoder struct {
	cfg        model.Config
	params     *Params
	options    Options
	mode       bitlinear.Mode
	ws         *workspace
	graph      *G.ExprGraph
	vm         G.VM
	loss       *G.Node
	lossVal    G.Value
	nodes      map[string]*G.Node // weights
	tied       *G.Node            // of a tied head
	gradients  map[string][]float32
	blocks     []*block
	tokens     []int32
	targets    []int32
	starts     []int32
	head       *lossHead
	preference *preference // nil without Options.Preference
	distilling *distilling // nil without Options.Distill
	relations  *relations
	embed      *embedding // looks up the embeddings of a frozen base; nil without one
	elapsed    time.Duration
	codes      []float32 // buffer of Codes: allocated for each call, it would fill the heap before a collection
}

// New builds the graph. Inputs are filled through Tokens, Targets and Starts.
func New(p *Params, o Options) (d *Decoder, err error) {
	defer recoverTo(&err)
	if err := Check(&p.Config); err != nil {
		return nil, err
	}
	if o.Batch < 1 || o.SequenceLength < 1 || o.SequenceLength > p.Config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("batch of %d rows of %d tokens: want at least 1 of each, "+
			"and at most max_position_embeddings (%d) tokens", o.Batch, o.SequenceLength, p.Config.MaxPositionEmbeddings)
	}
	if o.Preference != nil && o.Batch%2 != 0 {
		return nil, fmt.Errorf("batch of %d rows: want an even number, since the rows are pairs", o.Batch)
	}
	if o.Preference != nil && o.Distill != nil {
		return nil, errors.New("the head learns from pairs or from a teacher, not from both")
	}
	if err := o.Distill.check(&p.Config); err != nil {
		return nil, err
	}
	if o.BF16 && !HasBF16() {
		return nil, fmt.Errorf("this machine has no instructions for bfloat16: set precision to float32")
	}
	if o.Int8Gradients && o.Backward && !HasInt8Gradients() {
		return nil, fmt.Errorf("this machine has no instructions for products of gradients in int8: set gradients to float")
	}
	n := o.Batch * o.SequenceLength
	d = &Decoder{cfg: p.Config, params: p, options: o, graph: G.NewGraph(), nodes: map[string]*G.Node{},
		gradients: map[string][]float32{},
		tokens:    make([]int32, n), targets: make([]int32, n), starts: make([]int32, n)}
	d.mode = modeOf(&p.Config, o.Threads)
	d.mode.BF16, d.mode.Int8Gradients, d.mode.KeepCodes = o.BF16, o.Int8Gradients, o.keepsCodes()
	if o.Unquantized {
		d.mode.Lambda = 0
	}
	if p.base != nil {
		if o.Unquantized && p.Config.Ternary {
			return nil, errors.New("adapters need a model that is rounded: " +
				"set quantize_from_step and quantize_warmup_steps to 0")
		}
		d.mode.Adapters = p.lora.mode()
	}
	d.ws = newWorkspace(&d.cfg, &d.mode, o, d.starts)
	b := &builder{d: d}
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
	if d.tied != nil {
		weights = append(weights, d.tied)
	}
	if _, err := G.Grad(d.loss, weights...); err != nil {
		return fmt.Errorf("the graph cannot be differentiated: %w", err)
	}
	return nil
}

// Tokens is the input, [B*T], to be filled in place.
func (d *Decoder) Tokens() []int32 { return d.tokens }

// Targets is the token to be predicted at each position, [B*T]; -1 for none.
func (d *Decoder) Targets() []int32 { return d.targets }

// Starts is the first position of its row that each token may attend to, [B*T].
func (d *Decoder) Starts() []int32 { return d.starts }

// Evaluate is Run without gradients. Products that are not of integers are in float32.
func (d *Decoder) Evaluate() (loss float32, err error) {
	d.ws.evaluating, d.mode.BF16, d.mode.Adapters.Steady = true, false, true
	defer func() { d.ws.evaluating, d.mode.BF16, d.mode.Adapters.Steady = false, d.options.BF16, false }()
	return d.Run()
}

// Run computes the mean of the objective, in nats, and with Backward all gradients: without a
// Preference the mean cross entropy over the targets. The gradients are those of the sum divided by
// B*T, whatever the number of targets, so the gradients of several batches can be added.
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
	if d.embed != nil {
		d.embed.lookUp()
	}
	if err := d.vm.RunAll(); err != nil {
		return 0, fmt.Errorf("the graph failed: %w", err)
	}
	d.elapsed += time.Since(start)
	if o := d.distilling; o != nil && o.failed != nil && !d.ws.evaluating {
		return 0, fmt.Errorf("the teacher: %w", o.failed)
	}
	return d.lossVal.Data().(float32), nil
}

func (d *Decoder) checkInputs() error {
	for i, t := range d.tokens {
		position := int32(i % d.options.SequenceLength)
		if t < 0 || int(t) >= d.cfg.VocabSize || int(d.targets[i]) >= d.cfg.VocabSize || d.starts[i] < 0 ||
			d.starts[i] > position || position > 0 && d.starts[i] < d.starts[i-1] {
			return fmt.Errorf("position %d holds token %d, target %d, start %d: "+
				"want ids below the vocabulary size %d and a start from that of the position before to %d",
				i, t, d.targets[i], d.starts[i], d.cfg.VocabSize, position)
		}
	}
	if d.preference != nil {
		return d.preference.check()
	}
	return nil
}

// Grad is the gradient of a weight in the last Run, row-major. It is valid until the next Run.
func (d *Decoder) Grad(name string) []float32 { return d.gradients[name] }

// TokenLosses is -log p(target) at each position, [B*T]; 0 without a target.
func (d *Decoder) TokenLosses() []float32 { return d.head.losses }

// Scored is the number of targets in the last Run; with a Preference, of pairs.
func (d *Decoder) Scored() int { return d.head.scored }

// Greedy reports for each position, [B*T], whether the target has the largest logit.
func (d *Decoder) Greedy() []bool { return d.head.greedy }

// Logits writes the logits at a position of the last Run to dst, [V].
func (d *Decoder) Logits(dst []float32, position int) { d.head.makeLogits(dst, position, position+1) }

// LogitsOf writes the logits at the positions [lo,hi) of the last Run to dst, [hi-lo,V].
func (d *Decoder) LogitsOf(dst []float32, lo, hi int) { d.head.makeLogits(dst, lo, hi) }

// Accumulate makes the next runs add their gradients to the present ones (true) or replace them.
func (d *Decoder) Accumulate(add bool) { d.ws.accumulate = add }

// OnGradient makes the backward pass call f with the names of weights whose gradients
// are complete, from the last layer to the first.
func (d *Decoder) OnGradient(f func(names ...string)) { d.ws.onGradient = f }

// Rounding is what of the rounding of weights and activations is in force.
type Rounding struct {
	Lambda float64 // the share of it, from 0 to 1; less than 1 needs Options.Unquantized
	Int8   bool    // activations are rounded to 8 bits, also those of a model of 4 bits
}

// SetRounding sets the rounding of the next runs.
func (d *Decoder) SetRounding(r Rounding) {
	d.mode.Lambda, d.mode.Int4 = float32(r.Lambda), d.cfg.Int4Activations && !r.Int8
}

// SetKey selects the random numbers of the next runs: the roundings of gradients in int8, and the masks of the dropout
// of adapters. Runs with the same key, which should tell batches apart, have the same.
func (d *Decoder) SetKey(key uint64) { d.mode.Key = key }

// SetAdapters makes the next runs compute with the adapters or, without, what the base alone does.
// Runs with a backward pass need them.
func (d *Decoder) SetAdapters(on bool) { d.mode.Adapters.Off = !on }

// Elapsed is the time that all runs took. The difference to bitlinear.Inside is the time spent in
// Gorgonia itself.
func (d *Decoder) Elapsed() time.Duration { return d.elapsed }

// Codes calls f with the present ternary values, as float32, and the scale of every BitLinear weight
// that training changes. codes is valid until f returns.
func (d *Decoder) Codes(f func(name string, codes []float32, scale float32)) {
	p := d.params
	for _, spec := range p.Config.Tensors() {
		changes := p.base == nil || p.lora.Placement == adapter.Inside && p.lora.adapts(spec)
		if !d.cfg.Ternary || !spec.Ternary || !changes {
			continue
		}
		n, scale := spec.Elements(), float32(0)
		d.codes = slices.Grow(d.codes[:0], n)[:n]
		if p.base == nil {
			scale = d.mode.Codes(d.codes, p.Value(spec.Name), spec.Shape[0])
		} else {
			a, b := p.Value(p.lora.name(spec.Name, "A")), p.Value(p.lora.name(spec.Name, "B"))
			scale = d.mode.MergedCodes(d.codes, p.base.matrices[spec.Name], a, b)
		}
		f(spec.Name, d.codes, scale)
	}
}

// AbsMax calls f with every BitLinear weight and the largest activation, before rounding,
// that its layer read in the last Run.
func (d *Decoder) AbsMax(f func(name string, absMax float32)) {
	for l, b := range d.blocks {
		for i, weights := range readers {
			for _, w := range weights {
				f(model.LayerTensor(l, w), b.absMax[i])
			}
		}
	}
}

// Close frees the graph.
func (d *Decoder) Close() error { return d.vm.Close() }
