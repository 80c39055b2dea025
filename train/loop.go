package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"trit/data"
	"trit/train/clock"
	"trit/train/distill"
	"trit/train/ranks"
	"trit/train/runlog"
	"trit/train/samples"
)

// trainer is a run at work: the loop, and the parts that it holds. A part knows nothing of the
// loop, and no other part than sharing, which has the weights. Every rank takes the same
// decisions, since they depend on sums over the ranks or on values of rank 0.
type trainer struct {
	run        *Run // resolved
	at         position
	loader     *data.Loader    // of the training split
	step       *stepper        // runs batches through the graph and moves the weights
	share      *sharing        // weights and optimiser, and the ranks that share them
	evaluation *evaluation     // held-out loss, the best model, early stop
	recording  *recording      // the log
	saving     *saving         // checkpoints
	samples    *samples.Writer // nil: none are written
	sampled    float64         // seconds of the last ones; 0: there were none yet
	clock      *clock.Clock    // the time of the run, and how far its plan is if it fills one
	deadline   time.Time       // when the run ends before its plan; zero: never
	guard      Guard
	opened     closers

	teacher        distill.Teacher // nil: there is none
	dataset        string          // fingerprint of the data
	heldoutBatches int             // about, on all ranks
	resumed        bool            // the run goes on from a checkpoint
	extended       string          // how the run was given another end; "" if it was not
	warnings       []string        // for the log, once it is open
	long           []string        // likewise: what becomes of long conversations
	ended          *Event          // the evaluation on all held-out data with which the run ended; nil if it has not
}

// position is the number of steps and of tokens that a run has done.
type position struct {
	step   int
	tokens int64
}

// event is an event of this position.
func (p position) event(kind string) Event { return Event{Event: kind, Step: p.step, Tokens: p.tokens} }

func (t *trainer) close() error { return t.opened.Close() }

// loop trains until the last step, until the run is interrupted, or until the held-out loss
// has stopped falling.
func (t *trainer) loop(ctx context.Context) (*Result, error) {
	result := &Result{}
	if err := t.begin(); err != nil {
		return nil, err
	}
	cancelled := false
	for !t.atEnd() && t.evaluation.stalled() == "" {
		var late bool
		var err error
		if cancelled, late, err = t.interrupted(ctx); err != nil {
			return nil, err
		}
		if result.Interrupted = cancelled || late; result.Interrupted {
			break
		}
		if err := t.pace(); err != nil {
			return nil, err
		}
		if t.atEnd() {
			break
		}
		moved, err := t.takeStep()
		if err != nil {
			return nil, err
		}
		if !moved {
			continue
		}
		if err := t.evaluateAndSaveIfDue(); err != nil {
			return nil, err
		}
	}
	if err := t.save(); err != nil {
		return nil, err
	}
	return result, t.finish(result, cancelled)
}

// atEnd reports whether the plan of the run is done.
func (t *trainer) atEnd() bool {
	return t.run.Options.MaxSteps > 0 && t.at.step >= t.run.Options.MaxSteps
}

// begin prepares the reference of preferences and starts the clocks of the log and of the plan, and saves
// a checkpoint that a rollback can go back to.
func (t *trainer) begin() error {
	if err := t.prepareReference(); err != nil {
		return err
	}
	t.recording.restart(t.at)
	if t.run.Options.OnSpike == SpikeRollback {
		if err := t.save(); err != nil {
			return err
		}
	}
	if !t.clock.Filling() {
		return nil
	}
	err := t.evaluation.try(t.at.step)
	t.clock.Begin(t.reserve())
	return err
}

// interrupted reports, the same on all ranks, whether the run must end at this step: ctx is done
// on any rank, or the deadline has passed on rank 0.
func (t *trainer) interrupted(ctx context.Context) (cancelled, late bool, err error) {
	cancelled = ctx.Err() != nil
	late = t.share.isRank0() && !t.deadline.IsZero() && t.run.clockNow().After(t.deadline)
	return cancelled, late, ranks.AllReduceAny(t.share.comm, &cancelled, &late)
}

// takeStep moves the weights once and records it, unless the guard takes the run back.
func (t *trainer) takeStep() (moved bool, err error) {
	start := time.Now()
	g, err := t.step.gradient(t.at.step)
	if err != nil {
		return false, err
	}
	if take, err := t.judge(g); !take || err != nil {
		return false, err
	}
	rate, decay, err := t.step.update(t.at.step, g)
	if err != nil {
		return false, err
	}
	t.at.step++
	t.at.tokens += int64(t.run.Options.TokensPerStep())
	if s := t.step.timeShare; s != nil {
		t.clock.Take(*s)
	}
	return true, t.recording.step(t.at, stepFigures{g, rate, decay, time.Since(start)})
}

// due reports whether a step is a multiple of the interval. With an interval of 0 none is due.
func due(step, interval int) bool { return interval > 0 && step%interval == 0 }

// evaluateAndSaveIfDue evaluates and saves after the steps that are due for it. The last step
// is evaluated by finish.
func (t *trainer) evaluateAndSaveIfDue() error {
	o := &t.run.Options
	isDue := due(t.at.step, o.EvalInterval)
	if isDue && t.clock.Filling() {
		if err := t.pace(); err != nil { // is the time over? Then finish evaluates
			return err
		}
	}
	if isDue && !t.atEnd() {
		e, _, err := t.evaluate(false)
		if err != nil {
			return err
		}
		t.evaluation.countStale(t.at.step, e.Loss)
	}
	if due(t.at.step, o.CheckpointInterval) || t.step.timeShare == nil && t.at.step == o.returnStep() {
		return t.save()
	}
	return nil
}

// evaluate measures the first eval_batches of the held-out data, and all of it too if whole is set,
// which is a figure of its own. It uses the running mean of the weights if the run keeps one. It
// logs the results, and saves the model if it is the best so far.
func (t *trainer) evaluate(whole bool) (first, all Event, err error) {
	first, all = t.at.event(runlog.EvalEvent), t.at.event(runlog.EvalAllEvent)
	if t.evaluation.heldout == nil {
		return first, all, nil
	}
	err = t.share.withMean(func() error {
		everything, compared, err := t.evaluation.measure(t.at.step, whole)
		if err != nil {
			return err
		}
		if err := compared.fill(&first); err != nil {
			return err
		}
		if err := t.recording.write(first); err != nil {
			return err
		}
		if err := t.sample(); err != nil {
			return err
		}
		better := t.evaluation.improved(t.at, compared)
		if whole {
			if err := everything.fill(&all); err != nil {
				return err
			}
			if err := t.recording.write(all); err != nil {
				return err
			}
			better = t.evaluation.addWhole(t.at.step, everything) || better
		}
		if !better {
			return nil
		}
		return t.saving.saveBest(t.evaluation.best)
	})
	return first, all, err
}

// sample writes texts with the present weights into the log, on rank 0.
func (t *trainer) sample() error {
	if t.samples == nil {
		return nil
	}
	begun := t.run.clockNow()
	list, err := t.samples.Write(t.run.Options.rounding(t.at.step))
	for _, s := range list {
		e := t.at.event(runlog.SampleEvent)
		e.Prompt, e.Text = s.Prompt, s.Text
		err = errors.Join(err, t.recording.write(e))
	}
	t.sampled = t.run.clockNow().Sub(begun).Seconds()
	return err
}

// save writes a checkpoint.
func (t *trainer) save() error {
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	return t.saving.save(now)
}

// finish evaluates the trained model, on all held-out data too, unless the user has cancelled the
// run and waits for its end.
func (t *trainer) finish(result *Result, cancelled bool) (err error) {
	result.Step, result.MaxSteps, result.Tokens = t.at.step, t.run.Options.MaxSteps, t.at.tokens
	result.Best = t.evaluation.best
	if result.Interrupted && cancelled {
		return nil
	}
	if result.EarlyStop = t.evaluation.stalled(); result.EarlyStop != "" {
		e := t.at.event(runlog.EarlyStopEvent)
		e.Loss, e.Note = t.evaluation.patience.Loss, result.EarlyStop
		if err := t.recording.write(e); err != nil {
			return err
		}
	}
	if !t.evaluation.rounded(t.at.step) && t.clock.Filling() {
		note := "the rounding has not come into force: the time was over before quantize_from_step and quantize_warmup_steps"
		if err := t.recording.warn(t.at, []string{note}); err != nil {
			return err
		}
	}
	if result.Eval, result.EvalAll, err = t.evaluate(true); err != nil {
		return err
	}
	result.Best, t.ended = t.evaluation.best, &result.EvalAll
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	return t.saving.update(now)
}

// over reports whether the run has come to its end, and was evaluated there: nothing is left to do.
func (t *trainer) over() bool {
	return t.ended != nil && t.ended.Step == t.at.step && t.saving.extension == nil &&
		(t.atEnd() || t.evaluation.stalled() != "")
}

// overResult is the result of a run that was over when it was resumed.
func (t *trainer) overResult() *Result {
	return &Result{Step: t.at.step, MaxSteps: t.run.Options.MaxSteps, Tokens: t.at.tokens, Over: true,
		EarlyStop: t.evaluation.stalled(), EvalAll: *t.ended, Best: t.evaluation.best}
}

// snapshot makes the state of the run for a checkpoint.
func (t *trainer) snapshot() (s *snapshot, err error) {
	s = &snapshot{Step: t.at.step, Tokens: t.at.tokens, Data: t.loader.State()}
	s.Memory = memory{Best: t.evaluation.best, Patience: t.evaluation.patience, Rollbacks: t.saving.rollbacks,
		Rewarm: t.step.rewarm, Ended: t.ended, Teacher: t.teacherPrint()}
	time := t.clock.Save()
	s.Memory.Clock = &time
	s.Memory.Guard, err = json.Marshal(t.guard)
	return s, err
}

// goTo sets the state of the run to the one of a checkpoint. Weights and optimiser must have been
// restored before.
func (t *trainer) goTo(s *snapshot) error {
	m := s.Memory
	if m.Teacher != t.teacherPrint() {
		return otherTeacher(s.Dir, m.Teacher)
	}
	t.at = position{s.Step, s.Tokens}
	t.evaluation.best, t.evaluation.patience, t.saving.rollbacks = m.Best, m.Patience, m.Rollbacks
	t.step.rewarm, t.ended = m.Rewarm, m.Ended
	t.clock.Rewind(m.time())
	if len(s.Memory.Guard) > 0 {
		if err := json.Unmarshal(s.Memory.Guard, t.guard); err != nil {
			return fmt.Errorf("%s: guard: %w", s.Dir, err)
		}
	}
	return t.loader.Restore(s.Data)
}
