package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"trit/data"
	"trit/model"
	"trit/optim"
	"trit/train/checkpoint"
	"trit/train/graph"
	"trit/train/ranks"
	"trit/train/watch"
)

// Run is one training run.
type Run struct {
	Model   model.Config // VocabSize 0: that of the data
	Init    string       // folder whose model and weights the run begins with; "": fresh weights
	Options Options
	DataDir string
	OutDir  string
	MaxTime time.Duration // 0: no limit
	Resume  bool
	Guard   Guard       // nil: finds losses far above the last ones
	OnEvent func(Event) // may be nil
	Comm    ranks.Comm  // job that shares out the run; nil: none. Where Train fails, the others wait until the caller ends it
}

// Result is how a run ended.
type Result struct {
	Step        int
	Tokens      int64
	Interrupted bool   // by the context or by MaxTime
	EarlyStop   string // why the run ended before max_steps
	Eval        Event
	Best        *Best // nil where nothing was evaluated
}

// Train trains until max_steps, MaxTime or the end of ctx. The latter two save and
// return a Result with Interrupted set. With max_steps 0 the number of steps is chosen
// so that the schedule fills MaxTime.
func Train(ctx context.Context, r Run) (*Result, error) {
	deadline := time.Time{}
	if r.MaxTime > 0 {
		deadline = time.Now().Add(r.MaxTime)
	}
	if r.comm().Rank() == 0 {
		unlock, err := r.occupy()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	t, err := newTrainer(&r)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if t.run.Options.MaxSteps == 0 {
		if err := t.chooseSteps(r.MaxTime); err != nil {
			return nil, err
		}
	}
	return t.loop(ctx, deadline)
}

// occupy makes the run folder ready and keeps other runs out of it.
func (r *Run) occupy() (unlock func(), err error) {
	if err := os.MkdirAll(r.OutDir, 0o755); err != nil {
		return nil, err
	}
	if unlock, err = lock(filepath.Join(r.OutDir, ".lock")); err != nil {
		return nil, err
	}
	if err := checkpoint.Clean(r.OutDir); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// trainer is the state of a run.
type trainer struct {
	run          *Run
	share        sharing
	microBatches int // of this rank in a step
	params       *graph.Params
	decoder      *graph.Decoder
	optimizer    *optim.AdamW
	chunks       []chunk
	loader       *data.Loader
	heldout      *data.Loader
	batch        data.Batch
	average      [][]float32 // running mean of the weights that this rank owns; nil where none is kept
	log          *metrics
	ternary      ternaryStats
	mfu          *utilisation
	monitor      *watch.Monitor
	hf           *model.HFConfig
	files        map[string][]byte
	step         int
	tokens       int64
	memory       memory
	guard        Guard
	warnings     []Event       // until they are logged
	stepTime     time.Duration // of the steps since the last line of the log
	logTokens    int64
}

func newTrainer(r *Run) (*trainer, error) {
	manifest, err := data.OpenManifest(r.DataDir)
	if err != nil {
		return nil, err
	}
	if r.Init != "" {
		if err := r.takeModel(); err != nil {
			return nil, err
		}
	}
	if r.Model.VocabSize == 0 {
		r.Model.VocabSize = manifest.VocabSize
	}
	if r.Model.VocabSize < manifest.VocabSize {
		wayOut := "set vocab_size to that, or to 0 to take it from the data"
		if r.Init != "" {
			wayOut = "trit data prepare --tokenizer " + r.Init + " makes data that fit"
		}
		return nil, fmt.Errorf("vocab_size is %d, but the data in %s has %d tokens: %s", r.Model.VocabSize, r.DataDir, manifest.VocabSize, wayOut)
	}
	r.Model.Resolve()
	r.Model.MaxPositionEmbeddings = max(r.Model.MaxPositionEmbeddings, r.Options.SequenceLength)
	if r.Options.MaxSteps == 0 && r.MaxTime == 0 {
		return nil, errors.New("max_steps is 0 and no time is set: say how long to train")
	}
	if err := errors.Join(graph.Check(&r.Model), r.Options.Validate()); err != nil {
		return nil, err
	}
	t := &trainer{run: r, guard: r.Guard, hf: model.ForTraining(r.Model, int(manifest.BOS), int(manifest.EOS))}
	if t.guard == nil {
		t.guard = &spikes{}
	}
	if err := t.join(manifest); err != nil {
		return nil, err
	}
	if t.files, err = tokenizerFiles(r.DataDir); err != nil {
		return nil, err
	}
	if err := t.openData(manifest); err != nil {
		return nil, err
	}
	return t, t.build()
}

// openData opens what this rank reads of the data.
func (t *trainer) openData(m *data.Manifest) (err error) {
	o := t.run.Options
	rows := data.LoaderOptions{Split: data.Train, BatchSize: o.BatchSize, Rank: t.share.Rank(), Ranks: t.share.Size(), SequenceLength: o.SequenceLength, Seed: o.Seed, Shuffle: true}
	if t.loader, err = data.OpenLoader(t.run.DataDir, rows); err != nil || m.Heldout.Documents == 0 {
		return err
	}
	rows.Split, rows.Seed, rows.Shuffle = data.Heldout, 0, false
	t.heldout, err = data.OpenLoader(t.run.DataDir, rows)
	return err
}

// build makes weights, optimiser, graphs and the log.
func (t *trainer) build() error {
	if err := t.makeWeights(); err != nil {
		return err
	}
	if err := t.resolvePrecision(); err != nil {
		return err
	}
	t.mfu, t.monitor = newUtilisation(t.run.Model, t.run.Options), newMonitor(t.run.Model)
	var err error
	if t.decoder, err = graph.New(t.params, t.run.Options.graph(t.step)); err != nil || !t.leads() {
		return err
	}
	if t.log, err = openMetrics(filepath.Join(t.run.OutDir, "metrics.jsonl"), t.step, t.run.OnEvent); err != nil {
		return err
	}
	return t.logWarnings()
}

// warn notes something for the log, which may not be open yet.
func (t *trainer) warn(format string, args ...any) {
	t.warnings = append(t.warnings, Event{Event: "warning", Note: fmt.Sprintf(format, args...)})
}

func (t *trainer) logWarnings() error {
	var errs []error
	for _, w := range t.warnings {
		w.Step, w.Tokens = t.step, t.tokens
		errs = append(errs, t.log.write(w))
	}
	t.warnings = nil
	return errors.Join(errs...)
}

// chooseSteps measures a step and sets max_steps so that the run fills the time. The
// first run warms up, a tenth is left for evaluation and noise.
func (t *trainer) chooseSteps(budget time.Duration) error {
	state := t.loader.State()
	var start time.Time
	const measured = 3
	for i := range measured + 1 {
		if i == 1 {
			start = time.Now()
		}
		if _, err := t.gradient(); err != nil {
			return err
		}
		if err := t.update(0, 0, 1); err != nil { // moves nothing but the moments
			return err
		}
	}
	t.optimizer.Reset()
	perStep := time.Since(start) / measured
	t.run.Options.MaxSteps = max(1, int(float64(budget)*0.87/float64(perStep)))
	if err := ranks.Share(t.share, &t.run.Options.MaxSteps); err != nil {
		return err
	}
	return errors.Join(t.loader.Restore(state), t.run.Options.Validate())
}

func (t *trainer) loop(ctx context.Context, deadline time.Time) (*Result, error) {
	o := t.run.Options
	t.logTokens = t.tokens
	result := &Result{}
	if o.OnSpike == SpikeRollback { // there must be something to go back to
		if err := t.save(); err != nil {
			return nil, err
		}
	}
	hurry := false
	for t.step < o.MaxSteps && t.earlyStop() == "" {
		hurry = ctx.Err() != nil
		late := t.leads() && !deadline.IsZero() && time.Now().After(deadline)
		if err := t.share.any(&hurry, &late); err != nil {
			return nil, err
		}
		if hurry || late {
			result.Interrupted = true
			break
		}
		moved, err := t.oneStep()
		if err != nil {
			return nil, err
		}
		if !moved {
			continue
		}
		if due(t.step, o.EvalInterval) && t.step < o.MaxSteps {
			e, err := t.evaluate(o.EvalBatches)
			if err != nil {
				return nil, err
			}
			if t.rounded() {
				t.memory.Patience.count(e.Loss, o.EarlyStopDelta)
			}
		}
		if due(t.step, o.CheckpointInterval) {
			if err := t.save(); err != nil {
				return nil, err
			}
		}
	}
	if err := t.save(); err != nil {
		return nil, err
	}
	return result, t.finish(result, hurry)
}

// finish evaluates what came out, unless the user is waiting for the end.
func (t *trainer) finish(result *Result, hurry bool) (err error) {
	result.Step, result.Tokens, result.Best = t.step, t.tokens, t.memory.Best
	if result.Interrupted && hurry {
		return nil
	}
	if result.EarlyStop = t.earlyStop(); result.EarlyStop != "" {
		e := Event{Event: "early_stop", Step: t.step, Tokens: t.tokens, Loss: t.memory.Patience.Loss, Note: result.EarlyStop}
		if err := t.log.write(e); err != nil {
			return err
		}
	}
	if result.Eval, err = t.evaluate(0); err != nil {
		return err
	}
	result.Best = t.memory.Best
	return t.updateState()
}

func due(step, interval int) bool { return interval > 0 && step%interval == 0 }

// oneStep moves the weights once and logs it, unless the guard takes the run back.
func (t *trainer) oneStep() (moved bool, err error) {
	start := time.Now()
	g, err := t.gradient()
	if err != nil {
		return false, err
	}
	if take, err := t.judge(g.loss, g.norm); !take || err != nil {
		return false, err
	}
	rate, decay := t.run.Options.schedule().At(t.step)
	if err := t.update(rate, decay, g.scale*optim.ClipScale(g.norm, t.run.Options.MaxGradNorm)); err != nil {
		return false, err
	}
	t.step++
	t.tokens += int64(t.run.Options.TokensPerStep())
	t.stepTime += time.Since(start)
	if due(t.step, t.run.Options.LogInterval) || t.step == t.run.Options.MaxSteps {
		return true, t.logStep(g, rate, decay)
	}
	return true, nil
}

func (t *trainer) logStep(g gradient, rate, decay float64) error {
	if !t.leads() {
		return nil
	}
	zeros, flips := t.ternary.update(t.decoder)
	speed := float64(t.tokens-t.logTokens) / max(t.stepTime.Seconds(), 1e-9)
	e := Event{Event: watch.StepEvent, Step: t.step, Tokens: t.tokens, Loss: g.loss, LR: rate, WeightDecay: decay, GradNorm: g.norm,
		TokensPerSecond: speed, MFU: t.mfu.of(speed / float64(t.share.Size())), Zeros: zeros, Flips: flips, Layers: t.ternary.layers(t.step, t.run.Options.LayerInterval, t.absMax()), MaxSteps: t.run.Options.MaxSteps}
	t.stepTime, t.logTokens = 0, t.tokens
	if err := t.log.write(e); err != nil {
		return err
	}
	return t.warnOfLayers(watch.SampleOf(e))
}

// newMonitor is a monitor that takes no offence at b1 having no zeros.
func newMonitor(c model.Config) *watch.Monitor {
	limits := watch.DefaultLimits()
	if c.Sign {
		limits.LeastZeros = -1
	}
	return watch.NewMonitor(limits)
}

// absMax tells the largest activation that each ternary weight met in the last step.
func (t *trainer) absMax() func(name string) float32 {
	all := map[string]float32{}
	t.decoder.AbsMax(func(name string, v float32) { all[name] = v })
	return func(name string) float32 { return all[name] }
}

// warnOfLayers logs what is wrong with single layers. Losses are the Guard's, which sees
// every step.
func (t *trainer) warnOfLayers(s watch.Sample) error {
	for _, f := range t.monitor.Observe(s) {
		if f.Layer == "" {
			continue
		}
		if err := t.log.write(Event{Event: "warning", Step: f.Step, Tokens: t.tokens, Note: f.Text}); err != nil {
			return err
		}
	}
	return nil
}

// gradient is what the micro-batches of a step give, of all ranks together.
type gradient struct {
	loss float64 // mean over the targets
	norm float64 // length of the gradient of that
	// scale makes that gradient of the sum which the micro-batches leave, each over its
	// places, whether they have targets or not: so every target counts alike.
	scale float64
}

// gradient runs this rank's micro-batches of a step.
func (t *trainer) gradient() (g gradient, err error) {
	t.decoder.SetQuantization(t.run.Options.lambda(t.step))
	run, nats, targets := t.decoder.Run, 0.0, 0.0
	for i := range t.microBatches {
		t.decoder.Accumulate(i > 0)
		if err := t.loader.Next(&t.batch); err != nil {
			return g, err
		}
		setBatch(t.decoder, &t.batch)
		if i == t.microBatches-1 {
			run = t.lastRun
		}
		loss, err := run()
		if err != nil {
			return g, err
		}
		nats += float64(loss) * float64(t.decoder.Scored())
		targets += float64(t.decoder.Scored())
	}
	squares := t.sumSquares()
	err = ranks.Sum(t.share, &nats, &targets, &squares)
	targets = max(targets, 1)
	g.loss, g.scale = nats/targets, float64(t.run.Options.BatchSize*t.run.Options.SequenceLength)/targets
	g.norm = math.Sqrt(squares) * g.scale
	return g, err
}

func setBatch(d *graph.Decoder, b *data.Batch) {
	copy(d.Tokens(), b.Tokens)
	copy(d.Targets(), b.Targets)
	copy(d.Starts(), b.Starts)
}

// save writes a checkpoint on rank 0, with what the others bring.
func (t *trainer) save() error {
	if there, err := t.saved(); err != nil || there {
		return err
	}
	if !t.leads() {
		return t.contribute()
	}
	state, err := t.state()
	if err != nil {
		return err
	}
	c := &checkpoint.Checkpoint{Model: t.model(), State: state, Optimizer: t.moments(), EMA: t.averages()}
	return checkpoint.Save(t.run.OutDir, c, t.run.Options.KeepCheckpoints)
}

func (t *trainer) close() {
	if t.decoder != nil {
		t.decoder.Close()
	}
	t.loader.Close()
	if t.heldout != nil {
		t.heldout.Close()
	}
	if t.log != nil {
		t.log.close()
	}
}
