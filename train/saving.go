package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"trit/data"
	"trit/internal/jsonfile"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
	"trit/train/adapters"
	"trit/train/checkpoint"
	"trit/train/clock"
	"trit/train/ranks"
)

// saving writes the checkpoints of a run and goes back to them. Rank 0 has the files; all
// ranks call the same methods together.
type saving struct {
	dir, dataDir string // of the run, and of its data
	dataset      string // fingerprint of the data
	options      *Options
	folder       modelFolder
	share        *sharing
	clock        *clock.Clock
	now          func() time.Time
	took         float64          // seconds of the newest checkpoint; 0: none was written yet
	base         *checkpoint.Base // beneath the adapters; nil if the weights themselves are trained
	template     string           // chat template of the data of adapters
	rollbacks    int              // of the run so far
	// Of a run that is to be extended: wanted is the number of steps that it shall have (0: as many
	// as fill the time) until restore has looked at the run, and extension is what it found.
	wanted    *int
	extension *extension
}

// modelFolder is what a folder of the model holds beside the weights.
type modelFolder struct {
	config *model.HFConfig
	files  map[string][]byte // of the tokenizer
}

// snapshot is the state of a run in a checkpoint, without its tensors.
type snapshot struct {
	Dir    string // folder of the checkpoint, for errors; "" if none was read
	Step   int
	Tokens int64
	Data   data.State
	Memory memory
}

// memory is the state of the loop's parts, beside weights and moments.
type memory struct {
	Best      *Best           `json:"best,omitempty"`
	Patience  patience        `json:"patience"`
	Rollbacks int             `json:"rollbacks,omitempty"`
	Guard     json.RawMessage `json:"guard,omitempty"`
	Rewarm    *rewarm         `json:"rewarm,omitempty"`
	Teacher   string          `json:"teacher,omitempty"` // fingerprint of the teacher
	Ended     *Event          `json:"ended,omitempty"`   // the evaluation with which the run ended
	Clock     *clock.State    `json:"clock,omitempty"`
}

// time is the time of the run, zero for one from before there was a clock.
func (m memory) time() clock.State {
	if m.Clock == nil {
		return clock.State{}
	}
	return *m.Clock
}

// state is the state.json of a checkpoint.
func (s *saving) state(now *snapshot) (state checkpoint.State, err error) {
	state.Step, state.Tokens, state.Base = now.Step, now.Tokens, s.base
	for _, part := range []struct {
		dst   *json.RawMessage
		value any
	}{{&state.Options, *s.options}, {&state.Loader, now.Data}, {&state.Loop, now.Memory}} {
		if *part.dst, err = json.Marshal(part.value); err != nil {
			return state, err
		}
	}
	return state, nil
}

// readState decodes a state.json.
func readState(dir string, state checkpoint.State) (s *snapshot, err error) {
	s = &snapshot{Dir: dir, Step: state.Step, Tokens: state.Tokens}
	if len(state.Loop) > 0 { // a run from before there was anything to remember has none
		if err := jsonfile.Decode(state.Loop, &s.Memory); err != nil {
			return nil, fmt.Errorf("%s: loop: %w", dir, err)
		}
	}
	s.Data, err = loaderState(dir, state)
	return s, err
}

func loaderState(dir string, state checkpoint.State) (s data.State, err error) {
	if err = jsonfile.Decode(state.Loader, &s); err != nil {
		err = fmt.Errorf("%s: loader: %w", dir, err)
	}
	return s, err
}

// save writes a checkpoint on rank 0, with the moments that the other ranks own.
func (s *saving) save(now *snapshot) error {
	there := s.share.isRank0() && checkpoint.Has(s.dir, now.Step)
	if err := ranks.AllReduceAny(s.share.comm, &there); err != nil || there {
		return err
	}
	if !s.share.isRank0() {
		return s.share.contribute()
	}
	begun := s.now()
	state, err := s.state(now)
	if err != nil {
		return err
	}
	m, err := s.model()
	if err != nil {
		return err
	}
	c := &checkpoint.Checkpoint{Model: m, State: state, Optimizer: s.share.momentSources(), EMA: s.share.meanSources()}
	err = checkpoint.Save(s.dir, c, checkpoint.Keep{Newest: s.options.KeepCheckpoints, UpTo: s.returnStep()})
	s.took = s.now().Sub(begun).Seconds()
	return err
}

// returnStep is the step up to which a checkpoint is kept; see Options.returnStep.
func (s *saving) returnStep() int {
	if s.clock.Return > 0 || s.options.MaxSteps == 0 {
		return s.clock.Return
	}
	return s.options.returnStep()
}

// seconds is about how long it takes to save the last checkpoint and the best model.
func (s *saving) seconds() float64 {
	const bytesPerSecond = 300e6 // before a checkpoint was written; disks are faster
	if s.took == 0 {
		weights := 0
		for _, spec := range s.share.params.Specs() {
			weights += spec.Elements()
		}
		return float64(16*weights) / bytesPerSecond
	}
	return 1.5 * s.took
}

// model is the contents of a model folder with the present weights, or of the folder of an adapter.
func (s *saving) model() (m checkpoint.Model, err error) {
	m = checkpoint.Model{Config: s.folder.config, Files: s.folder.files, Weights: s.share.weightSources()}
	if a := s.share.params.Adapter(); a != nil {
		a.Base, a.ChatTemplate = s.base.Path, s.template
		m.Files = a.Files()
		m.Adapter, err = adapters.Config(a)
	}
	return m, err
}

// setBase notes what is beneath the adapters, and how their data are laid out, if the run trains such.
func (s *saving) setBase(init string) (err error) {
	b := s.share.params.Base()
	if b == nil {
		return nil
	}
	s.base = &checkpoint.Base{Fingerprint: b.Fingerprint()}
	if s.base.Path, err = filepath.Abs(init); err != nil {
		return err
	}
	template, err := tokenizer.LoadChatTemplate(s.dataDir)
	if s.template = template.Text; errors.Is(err, tokenizer.ErrNoChatTemplate) {
		return nil
	}
	return err
}

// checkBase refuses adapters that were trained over another model.
func (s *saving) checkBase(c *checkpoint.Loaded) error {
	before := c.State.Base
	if s.base == nil || before == nil || s.base.Fingerprint == before.Fingerprint {
		return nil
	}
	return setting.Needs("train.Run.Init",
		fmt.Sprintf("%s holds adapters of the model that was in %s, and %s has other weights",
			c.Dir, before.Path, s.base.Path),
		"name the model that the run was begun with by {train.Run.Init}")
}

// saveBest writes the model as the best one.
func (s *saving) saveBest(b *Best) error {
	if !s.share.isRank0() {
		return nil
	}
	m, err := s.model()
	if err != nil {
		return err
	}
	return checkpoint.SaveBest(s.dir, &m, b)
}

// update changes the checkpoint of this step: it sets the position in the data and the memory of
// the loop to the ones of now.
func (s *saving) update(now *snapshot) error {
	if !s.share.isRank0() {
		return nil
	}
	state, err := s.state(now)
	if err != nil {
		return err
	}
	return checkpoint.UpdateState(s.dir, now.Step, func(c *checkpoint.State) {
		c.Options, c.Loader, c.Loop = state.Options, state.Loader, state.Loop
	})
}

// restore reads the newest checkpoint of the run on rank 0 and sends it to all ranks: it sets
// weights, moments and mean, and the options that the run began with. It returns the state of
// the run, and warnings for the log.
func (s *saving) restore() (before *snapshot, warnings []string, err error) {
	c := &checkpoint.Loaded{}
	if s.share.isRank0() {
		if c, warnings, err = s.open(); err != nil {
			return nil, nil, err
		}
	}
	defer c.Close()
	common := struct {
		Dir       string
		State     checkpoint.State
		Options   Options // as the run began with them
		Extension *extension
	}{c.Dir, c.State, *s.options, s.extension}
	if err := ranks.Broadcast(s.share.comm, &common); err != nil {
		return nil, nil, err
	}
	c.Dir, c.State, *s.options = common.Dir, common.State, common.Options
	s.wanted, s.extension = nil, common.Extension
	if err := s.share.restore(c); err != nil {
		return nil, nil, err
	}
	before, err = readState(c.Dir, c.State)
	return before, warnings, err
}

// open opens the newest sound checkpoint, which must have the model, options and data of this
// run, or the one that an extended run goes on from. It renames newer ones that are damaged.
func (s *saving) open() (c *checkpoint.Loaded, warnings []string, err error) {
	if s.extension != nil {
		c, err = checkpoint.LoadUpTo(s.dir, s.extension.From)
	} else {
		c, err = checkpoint.Load(s.dir)
	}
	if err != nil {
		return nil, nil, err
	}
	if err = errors.Join(s.checkSame(c), s.checkData(c), s.checkBase(c)); err == nil && s.wanted != nil {
		c, err = s.openExtension(c)
	}
	if err == nil {
		warnings, err = setAside(c)
	}
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return c, warnings, nil
}

// setAside moves newer checkpoints that are damaged out of the way, so that the run can save
// those steps again.
func setAside(c *checkpoint.Loaded) (warnings []string, err error) {
	for _, d := range c.Damaged {
		name, err := d.SetAside()
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, fmt.Sprintf("%v; the run goes on from %s, and the damaged one is %s now",
			d, filepath.Base(c.Dir), filepath.Base(name)))
	}
	return warnings, nil
}

// rollback restores the newest checkpoint because of a finding at the step after now. The
// position in the data stays, so the batches since then are left out. It is written to the
// checkpoint too, so a run that is resumed from it leaves them out as well. note is for the log.
func (s *saving) rollback(now *snapshot, finding string) (back *snapshot, note string, warnings []string, err error) {
	count, most := now.Memory.Rollbacks+1, s.options.MaxRollbacks
	if count > most {
		return nil, "", nil, &DivergedError{now.Step + 1, finding, fmt.Sprintf("the run was taken back %d times "+
			"already (max_rollbacks): begin another with a lower learning_rate", most)}
	}
	if back, warnings, err = s.restore(); err != nil {
		return nil, "", nil, err
	}
	if len(back.Memory.Guard) == 0 { // of a run from before there were guards
		back.Memory.Guard = now.Memory.Guard
	}
	back.Data, back.Memory.Rollbacks, back.Memory.Best = now.Data, count, now.Memory.Best
	if err := s.update(back); err != nil {
		return nil, "", nil, err
	}
	note = fmt.Sprintf("step %d: %s; back to step %d and on behind the data since then (%d of at most %d)",
		now.Step+1, finding, back.Step, count, most)
	return back, note, warnings, nil
}
