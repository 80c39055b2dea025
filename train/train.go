package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"trit/data"
	"trit/model"
	"trit/optim"
	"trit/train/checkpoint"
	"trit/train/graph"
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
	if err := os.MkdirAll(r.OutDir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(r.OutDir, ".lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := checkpoint.Clean(r.OutDir); err != nil {
		return nil, err
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

// trainer is the state of a run.
type trainer struct {
	run        *Run
	params     *graph.Params
	decoder    *graph.Decoder
	optimizer  *optim.AdamW
	chunks     []chunk
	loader     *data.Loader
	heldout    *data.Loader
	batch      data.Batch
	average    [][]float32 // running mean of the weights; nil where none is kept
	log        *metrics
	ternary    ternaryStats
	mfu        *utilisation
	monitor    *watch.Monitor
	hf         *model.HFConfig
	files      map[string][]byte
	step       int
	tokens     int64
	memory     memory
	guard      Guard
	warnings   []Event // until they are logged
	logStarted time.Time
	logTokens  int64
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
	if err := errors.Join(r.Model.Validate(), r.Options.Validate()); err != nil {
		return nil, err
	}
	t := &trainer{run: r, guard: r.Guard, hf: model.ForTraining(r.Model, int(manifest.BOS), int(manifest.EOS))}
	if t.guard == nil {
		t.guard = &spikes{}
	}
	if t.files, err = tokenizerFiles(r.DataDir); err != nil {
		return nil, err
	}
	o := r.Options
	if t.loader, err = data.OpenLoader(r.DataDir, data.LoaderOptions{Split: data.Train, BatchSize: o.BatchSize, SequenceLength: o.SequenceLength, Seed: o.Seed, Shuffle: true}); err != nil {
		return nil, err
	}
	if manifest.Heldout.Documents > 0 {
		if t.heldout, err = data.OpenLoader(r.DataDir, data.LoaderOptions{Split: data.Heldout, BatchSize: o.BatchSize, SequenceLength: o.SequenceLength}); err != nil {
			return nil, err
		}
	}
	return t, t.build()
}

// build makes weights, optimiser, graphs and the log.
func (t *trainer) build() error {
	if err := t.makeWeights(); err != nil {
		return err
	}
	t.run.Options.resolvePrecision()
	t.mfu, t.monitor = newUtilisation(t.run.Model, t.run.Options), newMonitor(t.run.Model)
	var err error
	if t.decoder, err = graph.New(t.params, t.run.Options.graph(t.step)); err != nil {
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
		t.globalNorm() // as a step does; nothing is changed
	}
	perStep := time.Since(start) / measured
	t.run.Options.MaxSteps = max(1, int(float64(budget)*0.87/float64(perStep)))
	return t.loader.Restore(state)
}

func (t *trainer) loop(ctx context.Context, deadline time.Time) (*Result, error) {
	o := t.run.Options
	t.logStarted, t.logTokens = time.Now(), t.tokens
	result := &Result{}
	if o.OnSpike == SpikeRollback { // there must be something to go back to
		if err := t.save(); err != nil {
			return nil, err
		}
	}
	for t.step < o.MaxSteps && t.earlyStop() == "" {
		if ctx.Err() != nil || !deadline.IsZero() && time.Now().After(deadline) {
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
			t.memory.Patience.count(e.Loss, o.EarlyStopDelta)
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
	return result, t.finish(result, ctx.Err() != nil)
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
	loss, err := t.gradient()
	if err != nil {
		return false, err
	}
	norm := t.globalNorm()
	if take, err := t.judge(loss, norm); !take || err != nil {
		return false, err
	}
	rate, decay := t.run.Options.schedule().At(t.step)
	t.update(rate, decay, optim.ClipScale(norm, t.run.Options.MaxGradNorm))
	t.step++
	t.tokens += int64(t.run.Options.TokensPerStep())
	if due(t.step, t.run.Options.LogInterval) || t.step == t.run.Options.MaxSteps {
		return true, t.logStep(loss, norm, rate, decay)
	}
	return true, nil
}

func (t *trainer) logStep(loss, norm, rate, decay float64) error {
	elapsed := time.Since(t.logStarted).Seconds()
	zeros, flips := t.ternary.update(t.decoder)
	speed := float64(t.tokens-t.logTokens) / max(elapsed, 1e-9)
	e := Event{Event: watch.StepEvent, Step: t.step, Tokens: t.tokens, Loss: loss, LR: rate, WeightDecay: decay, GradNorm: norm,
		TokensPerSecond: speed, MFU: t.mfu.of(speed), Zeros: zeros, Flips: flips, Layers: t.ternary.layers(t.step, t.run.Options.LayerInterval, t.absMax()), MaxSteps: t.run.Options.MaxSteps}
	t.logStarted, t.logTokens = time.Now(), t.tokens
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

// gradient runs the micro-batches of a step and returns their mean loss. The sum of their
// gradients is left in the decoder.
func (t *trainer) gradient() (float64, error) {
	sum := 0.0
	n := t.run.Options.GradientAccumulation
	t.decoder.SetQuantization(t.run.Options.lambda(t.step))
	for i := range n {
		t.decoder.Accumulate(i > 0)
		if err := t.loader.Next(&t.batch); err != nil {
			return 0, err
		}
		setBatch(t.decoder, &t.batch)
		loss, err := t.decoder.Run()
		if err != nil {
			return 0, err
		}
		sum += float64(loss)
	}
	return sum / float64(n), nil
}

func setBatch(d *graph.Decoder, b *data.Batch) {
	copy(d.Tokens(), b.Tokens)
	copy(d.Targets(), b.Targets)
	copy(d.Starts(), b.Starts)
}

func (t *trainer) save() error {
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
