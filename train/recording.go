package train

import (
	"errors"
	"math"
	"time"

	"trit/internal/machine"
	"trit/model"
	"trit/train/clock"
	"trit/train/preference"
	"trit/train/runlog"
)

// recording keeps the log of a run: the figures of its steps, the statistics of its ternary
// weights, and warnings about layers. Ranks other than 0 have one without a log, which does
// nothing.
type recording struct {
	options *Options
	decoder observed
	ranks   int
	log     *runlog.Writer // nil before open
	ternary ternaryStats
	mfu     *utilisation
	monitor *runlog.Monitor
	clock   *clock.Clock
	figures *stepFigures // of the last step; nil if a line has them
	// since the last line
	time   time.Duration
	tokens int64 // at the last line
	pairs  preference.Figures
}

// observed is the part of a graph that recording reads; *graph.Decoder implements it.
type observed interface {
	codeSource
	AbsMax(f func(name string, absMax float32))
}

func newRecording(c model.Config, o *Options, d observed, s *sharing, k *clock.Clock) *recording {
	limits := runlog.DefaultLimits()
	if c.Sign {
		limits.LeastZeros = -1 // b1 has no zeros
	}
	return &recording{options: o, decoder: d, ranks: s.comm.Size(), clock: k,
		mfu:     newUtilisation(c, *o, machine.With(s.pool)),
		ternary: ternaryStats{pool: s.pool}, monitor: runlog.NewMonitor(limits)}
}

// open opens the log in the run folder, for a run that begins or goes on at a position.
func (r *recording) open(dir string, at position, onEvent func(Event)) (err error) {
	r.log, err = runlog.NewWriter(dir, at.step, onEvent)
	return err
}

func (r *recording) write(e Event) error {
	if r.log == nil {
		return nil
	}
	if e.Event == runlog.StepEvent || e.Event == runlog.EvalEvent {
		e.Seconds, e.Memory = math.Round(1e3*r.clock.Used())/1e3, machine.PeakMemory()
		e.FLOPs = r.mfu.flopsPerToken * float64(e.Tokens)
	}
	return r.log.Write(e)
}

// warn writes warnings.
func (r *recording) warn(at position, notes []string) error {
	var errs []error
	for _, n := range notes {
		e := at.event(runlog.WarningEvent)
		e.Note = n
		errs = append(errs, r.write(e))
	}
	return errors.Join(errs...)
}

// restart begins to count time, tokens and pairs of the next line: when a run begins, when it is
// resumed, and after a rollback.
func (r *recording) restart(at position) {
	r.time, r.tokens, r.pairs = 0, at.tokens, preference.Figures{}
	r.figures = nil
}

// stepFigures are the results of a step.
type stepFigures struct {
	gradient
	rate, decay float64
	took        time.Duration
}

// step writes a line every log_interval steps and for the last one. A new figure of the log
// is a field of runlog.Event and is filled here.
func (r *recording) step(at position, f stepFigures) error {
	r.time += f.took
	r.pairs.Merge(f.pairs)
	r.figures = &f
	if !due(at.step, r.options.LogInterval) && at.step != r.options.MaxSteps {
		return nil
	}
	return r.last(at)
}

// last writes a line for the last step, unless it has one.
func (r *recording) last(at position) error {
	f := r.figures
	if r.figures = nil; f == nil {
		return nil
	}
	shares := r.clock.Logged()
	if r.log == nil {
		return nil
	}
	e := at.event(runlog.StepEvent)
	e.Shares = shares
	e.Loss, e.GradNorm, e.LR, e.WeightDecay = f.loss, f.norm, f.rate, f.decay
	e.Preference = r.pairs.Log()
	e.CE, e.KL, e.Relations = f.ce, f.kl, f.relations
	e.MaxSteps, e.Judged = r.options.MaxSteps, true
	if r.clock.Filling() {
		e.SecondsLeft = r.clock.Left(0)
	}
	e.TokensPerSecond = float64(at.tokens-r.tokens) / max(r.time.Seconds(), 1e-9)
	e.MFU = r.mfu.fraction(e.TokensPerSecond / float64(r.ranks))
	e.Zeros, e.Flips = r.ternary.update(r.decoder)
	e.Layers = r.ternary.layers(at.step, r.options.LayerInterval, r.absMax())
	r.restart(at)
	if err := r.write(e); err != nil {
		return err
	}
	return r.warnOfLayers(e)
}

// absMax returns the largest activation that each ternary weight met in the last step.
func (r *recording) absMax() func(name string) float32 {
	all := map[string]float32{}
	r.decoder.AbsMax(func(name string, v float32) { all[name] = v })
	return func(name string) float32 { return all[name] }
}

// warnOfLayers logs faults of single layers. The loss is left to the Guard, which sees every
// step.
func (r *recording) warnOfLayers(e Event) error {
	for _, f := range r.monitor.Observe(e) {
		w := position{e.Step, e.Tokens}.event(runlog.WarningEvent)
		w.Finding, w.Layer, w.Note = f.Kind, f.Layer, f.Text
		if err := r.write(w); err != nil {
			return err
		}
	}
	return nil
}
