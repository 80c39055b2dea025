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
	"trit/setting"
	"trit/train/adapters"
	"trit/train/checkpoint"
	"trit/train/distill"
	"trit/train/graph"
	"trit/train/ranks"
	"trit/train/runlog"
)

// Event is a line of the log of a run, metrics.jsonl.
type Event = runlog.Event

// Run is one training run.
type Run struct {
	Model model.Config // VocabSize 0: the size of the data's vocabulary
	Init  string       // folder whose model and weights the run begins with; "": fresh weights
	Notes []string     // on Init, for the log of a run that begins
	// OpenBase opens the model Init as the base of adapters if it is no folder of master weights; nil:
	// it must be one.
	OpenBase func(init string) (adapters.Model, error)
	// Adapt takes of Init the weights that Model has too, in the same shapes, and makes the others
	// fresh: sub-norms, for example, that a model in full precision has not.
	Adapt bool
	// Teacher names the model that the run learns from beside its data, for the log and for who goes on
	// with the run, and OpenTeacher opens it; "": there is none.
	Teacher     string
	OpenTeacher func(r *Run) (distill.Teacher, error)
	Options     Options // how to train; MaxSteps 0: to the end of MaxTime
	DataDir     string  // folder made by data.Prepare
	OutDir      string  // folder of the run: its checkpoints and its log
	// MaxTime is the time after which the run ends; 0: no limit. A new run with MaxSteps 0 fills it.
	MaxTime time.Duration
	// Shares are the shares of a time at which the steps are taken, one for each of MaxSteps, as in the run
	// Repeats; nil: the steps are planned, or the clock says it. See RepeatOf.
	Shares  []float64
	Repeats string      // the folder of that run, for the log; "": none
	Resume  bool        // go on from the last checkpoint in OutDir, if there is one
	Extend  bool        // with Resume: the run may get another end than it was begun with; see Train
	Guard   Guard       // nil: runlog.Spikes
	OnEvent func(Event) // called on rank 0 with each event of the log; may be nil
	// OnAsked is called while the file of a teacher is filled, with the rows so far and all of them; may be
	// nil.
	OnAsked func(done, total int)
	Threads int // number of threads that loops are split over; 0: one for each processor
	// Comm is the job whose ranks share the run; nil: none. If Train fails on one rank, the
	// others wait until the caller ends the job.
	Comm ranks.Comm

	now func() time.Time // nil: time.Now; a test moves it
}

// Result is how a run ended.
type Result struct {
	Step        int
	MaxSteps    int // the planned end; 0: of a time
	Tokens      int64
	Interrupted bool   // by the context or by MaxTime
	Over        bool   // the run had ended before and has no step left: nothing was done
	EarlyStop   string // why the run ended before max_steps
	Eval        Event  // the evaluation at the end, on the batches of all evaluations; not if Over
	EvalAll     Event  // the evaluation at the end, on all held-out data
	Best        *Best  // nil if nothing was evaluated
}

// Train trains until max_steps, MaxTime or the end of ctx. The latter two save a checkpoint
// and return a Result with Interrupted set. With max_steps 0 the schedule fills MaxTime: it goes through
// the share of the time that is used before each step, on rank 0's clock, which the log keeps. If such a
// run is resumed, it has the time that was left at its checkpoint.
//
// A run that is resumed keeps the end that it was begun with. With Extend it gets
// max_steps, or, if that is 0 and the run has ended, MaxTime more. The weights are
// those of a run that was planned so from the beginning if the rates of the steps so far do not
// depend on the plan: with the schedule constant, and with wsd, whose run is taken back to the
// checkpoint before its decay. Any other run, whose rate has fallen, goes on from its newest
// checkpoint: its rate rises from the last one to the one of the new plan, over as many steps as the
// warm-up, or half of the new ones if they are fewer.
func Train(ctx context.Context, r Run) (result *Result, err error) {
	if r.comm().Rank() == 0 {
		leave, err := r.occupy()
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	t, err := newTrainer(&r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if t.over() {
		return t.overResult(), nil
	}
	if err := t.plan(); err != nil {
		return nil, err
	}
	if err := t.openLog(); err != nil {
		return nil, err
	}
	return t.loop(ctx)
}

// clockNow is the time of now.
func (r *Run) clockNow() time.Time {
	if r.now == nil {
		return time.Now()
	}
	return r.now()
}

// occupy makes and locks the run folder, and removes what a killed run left unfinished in it. A folder that it made is
// removed by leave, if a run that was refused has left nothing there.
func (r *Run) occupy() (leave func(), err error) {
	_, missing := os.Stat(r.OutDir)
	if err := os.MkdirAll(r.OutDir, 0o755); err != nil {
		return nil, err
	}
	lock := filepath.Join(r.OutDir, ".lock")
	unlock, err := checkpoint.Lock(lock)
	if err != nil {
		return nil, err
	}
	if err := checkpoint.Clean(r.OutDir); err != nil {
		unlock()
		return nil, err
	}
	return func() {
		if entries, err := os.ReadDir(r.OutDir); missing != nil && err == nil && len(entries) == 1 {
			os.Remove(lock) // while it is held: nobody else has the folder
			os.Remove(r.OutDir)
		}
		unlock()
	}, nil
}

// comm is the job that the run belongs to.
func (r *Run) comm() ranks.Comm {
	if r.Comm == nil {
		return ranks.Alone
	}
	return r.Comm
}

// resolve completes the model from the folder that the run begins with and from the data, and
// checks model and options.
func (r *Run) resolve(m *data.Manifest) error {
	if err := r.checkKind(m); err != nil {
		return err
	}
	if r.Init == "" && r.Options.LoRARank > 0 {
		return noBase()
	}
	if r.Init != "" {
		if err := r.takeModel(); err != nil {
			return err
		}
	}
	if err := r.checkTeacher(); err != nil {
		return err
	}
	if r.Model.VocabSize == 0 {
		r.Model.VocabSize = m.VocabSize
	}
	if r.Model.VocabSize < m.VocabSize {
		return r.fewTokens(m)
	}
	r.Model.Resolve()
	if err := r.Model.CheckRotaryLength(r.Options.SequenceLength); err != nil {
		return err
	}
	r.Model.MaxPositionEmbeddings = max(r.Model.MaxPositionEmbeddings, r.Options.SequenceLength)
	if r.Options.MaxSteps == 0 && r.MaxTime == 0 && (r.Extend || !r.Resume) {
		return noEnd()
	}
	if r.Options.MaxSteps == 0 && r.Options.QuantizeFromShare > 0 {
		return setting.Needs("train.Options.MaxSteps", "quantize_from_share is a share of max_steps, which a run by time "+
			"does not know", "set max_steps, or quantize_from_step in its place")
	}
	if r.Options.MaxSteps == 0 && r.Options.Int4FromShare > 0 {
		return setting.Needs("train.Options.MaxSteps", "int4_from_share is a share of max_steps, which a run by time "+
			"does not know", "set max_steps, or go on from the run's model with int4_activations")
	}
	return errors.Join(graph.Check(&r.Model), r.Options.Validate(), r.Options.CheckModel(&r.Model), r.checkAdapters())
}

// checkKind refuses data of another kind than the objective learns from.
func (r *Run) checkKind(m *data.Manifest) error {
	switch pairs := m.Kind == data.Preferences; {
	case pairs && r.Options.Objective != DPO:
		return setting.Needs("train.Run.Model", fmt.Sprintf("%s holds preferences, but the objective is %s", r.DataDir,
			r.Options.Objective), "{train.Run.Model} dpo learns from them, as objective=dpo does")
	case !pairs && r.Options.Objective == DPO:
		return setting.Needs("data.Prepare", fmt.Sprintf("objective is %s, but %s holds no preferences", DPO, r.DataDir),
			"make data of preferences with {data.Prepare}, or leave objective out")
	}
	return nil
}

// noEnd is the error of a run that would never end.
func noEnd() error {
	return setting.Needs("train.Run.MaxTime", "max_steps is 0 and no time is set", "set max_steps or {train.Run.MaxTime}")
}

// noBase is the error of adapters without a model beneath them.
func noBase() error {
	return setting.Needs("train.Run.Init", "lora_rank is set, but there is no model whose adapters are to be trained",
		"name it with {train.Run.Init}, or set lora_rank to 0 to train all weights")
}

// checkAdapters refuses adapters that the model cannot have.
func (r *Run) checkAdapters() error {
	if r.Options.LoRARank == 0 {
		return nil
	}
	l := r.Options.lora()
	return l.Check(&r.Model)
}

// fewTokens is the error of a model whose vocabulary is smaller than the data's.
func (r *Run) fewTokens(m *data.Manifest) error {
	problem := fmt.Sprintf("vocab_size is %d, but the data in %s has %d tokens", r.Model.VocabSize, r.DataDir, m.VocabSize)
	if r.Init != "" {
		return setting.Needs("data.PrepareOptions.Tokenizer", problem,
			fmt.Sprintf("{data.PrepareOptions.Tokenizer} %s makes data that fit", r.Init))
	}
	return fmt.Errorf("%s: set vocab_size to that, or to 0 to take it from the data", problem)
}
