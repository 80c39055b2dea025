package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trit/format/hffolder"
	"trit/model"
	"trit/optim"
	"trit/setting"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

// Recipe is all that a run is made from. The log holds it whenever a run begins or goes on: with it
// a run can be repeated step by step, and resumed without being told anything.
type Recipe struct {
	// Config are the keys of a configuration file, as the run resolved them.
	Config  RecipeConfig `json:"config"`
	Seconds float64      `json:"seconds,omitempty"` // that the run fills; 0: max_steps is its end
	Repeats string       `json:"repeats,omitempty"` // Run.Repeats, absolute
	Data    string       `json:"data"`              // folder of the data, absolute
	Dataset string       `json:"dataset"`           // fingerprint of the data
	Init    string       `json:"init,omitempty"`    // folder whose weights the run began with, absolute; "": fresh weights
	Adapt   bool         `json:"adapt,omitempty"`   // Run.Adapt
	Teacher string       `json:"teacher,omitempty"` // the model that the run learns from, absolute; "": none
	Ranks   int          `json:"ranks,omitempty"`
}

// RecipeConfig is a model and the options to train it, as one flat JSON object.
type RecipeConfig struct {
	model.Config
	Options
}

// recipe is the recipe of this run, which must be resolved.
func (r *Run) recipe(dataset string) (recipe Recipe, err error) {
	recipe = Recipe{Config: RecipeConfig{r.Model, r.Options}, Dataset: dataset, Ranks: r.comm().Size(),
		Adapt: r.Adapt, Teacher: r.Teacher, Repeats: r.Repeats}
	if recipe.Data, err = filepath.Abs(r.DataDir); err == nil && r.Init != "" {
		recipe.Init, err = filepath.Abs(r.Init)
	}
	return recipe, err
}

// RunOf reads the run in a folder, to go on with it: its model, its options with the planned end
// as MaxSteps, and its data. A run that has no checkpoint yet is known from its log. DataDir is ""
// if the run does not say where its data are, as runs from before the log held a Recipe. The error is
// ErrNoRun if the folder holds no run.
func RunOf(dir string) (Run, error) {
	r := Run{OutDir: dir, Resume: true}
	recipe, found, err := loggedRecipe(dir)
	if err != nil {
		return r, err
	}
	r.DataDir, r.Teacher = recipe.Data, recipe.Teacher
	switch c, err := checkpointConfig(dir); {
	case err == nil:
		r.Model, r.Options = c.Config, c.Options
		if r.Options.LoRARank > 0 {
			r.Init = recipe.Init // the checkpoint holds adapters alone
		}
	case found && errors.Is(err, ErrNoRun):
		r.Model, r.Options, r.Init = recipe.Config.Config, recipe.Config.Options, recipe.Init
		r.Adapt, r.MaxTime = recipe.Adapt, time.Duration(recipe.Seconds*float64(time.Second))
	case errors.Is(err, ErrNoRun):
		return r, &setting.Error{Field: "train.Run.OutDir", Problem: dir, Err: ErrNoRun,
			Remedy: "name the folder of a run with {train.Run.OutDir}, or begin one with {train.Run.Model}"}
	default:
		return r, err
	}
	if recipe.Repeats == "" {
		return r, nil
	}
	first, err := RepeatOf(recipe.Repeats)
	if err != nil {
		return r, fmt.Errorf("%s repeats another run: %w", dir, err)
	}
	if len(first.Shares) < r.Options.MaxSteps {
		return r, fmt.Errorf("%s repeats %d steps of %s, which has only %d now", dir, r.Options.MaxSteps, recipe.Repeats,
			len(first.Shares))
	}
	r.Repeats, r.Shares = recipe.Repeats, first.Shares[:r.Options.MaxSteps]
	return r, nil
}

// RepeatOf reads the run in a folder, to do it again from its beginning in another folder, step by step: a
// run that filled a time takes each step at the share of it that the log has, up to its newest checkpoint.
// OutDir is left open. On the same kind of machine and number of ranks the weights are the same, bit for
// bit. A run that was extended, or was taken back by a spike, cannot be repeated so.
func RepeatOf(dir string) (r Run, err error) {
	recipe, found, err := loggedRecipe(dir)
	if err == nil && !found {
		err = fmt.Errorf("%s has no log with a recipe: there is no run that can be repeated", dir)
	}
	if err != nil {
		return r, err
	}
	log, err := runlog.Open(dir)
	if err != nil {
		return r, err
	}
	for _, n := range log.Notes {
		if n.Kind == runlog.ExtendEvent || n.Kind == runlog.RollbackEvent {
			return r, fmt.Errorf("%s cannot be repeated: its log has %s at step %d, after which it went another way than "+
				"its recipe", dir, n.Kind, n.Step)
		}
	}
	r = Run{Model: recipe.Config.Config, Options: recipe.Config.Options, DataDir: recipe.Data, Init: recipe.Init,
		Adapt: recipe.Adapt, Teacher: recipe.Teacher}
	if recipe.Seconds == 0 && recipe.Repeats == "" {
		return r, nil
	}
	if r.Repeats, err = filepath.Abs(dir); err == nil {
		r.Shares, err = allShares(dir)
	}
	r.Options.MaxSteps = len(r.Shares)
	return r, err
}

// allShares are the shares of the time at which a run took its steps, up to its newest checkpoint.
func allShares(dir string) ([]float64, error) {
	newest, err := hffolder.Resolve(dir)
	if err != nil {
		return nil, err
	}
	state, err := checkpoint.ReadState(newest)
	if err != nil {
		return nil, err
	}
	s, err := readState(newest, state)
	if err != nil {
		return nil, err
	}
	byStep, err := takenShares(dir, s.Step, s.Memory.Clock)
	if err != nil {
		return nil, err
	}
	list := make([]float64, s.Step)
	for step := range list {
		share, ok := byStep[step]
		if !ok {
			return nil, fmt.Errorf("%s: step %d was not taken at a share of a time", dir, step+1)
		}
		list[step] = share
	}
	return list, nil
}

// loggedRecipe is the last recipe in the log of a run. It is not found if there is no log, or one
// from before it held any.
func loggedRecipe(dir string) (recipe Recipe, found bool, err error) {
	log, err := runlog.Open(dir)
	if errors.Is(err, fs.ErrNotExist) || setting.As(err) != nil {
		return recipe, false, nil
	}
	if err != nil {
		return recipe, false, err
	}
	for _, e := range slices.Backward(log.Starts) {
		if len(e.Recipe) > 0 {
			if err := json.Unmarshal(e.Recipe, &recipe); err != nil {
				return recipe, false, fmt.Errorf("%s: the recipe of step %d: %w", filepath.Join(dir, runlog.LogFile), e.Step, err)
			}
			return recipe, true, nil
		}
	}
	return recipe, false, nil
}

// ErrNoRun is that a folder holds no run.
var ErrNoRun = errors.New("no run to go on with: neither a checkpoint nor a log with its recipe")

// checkpointConfig are model and options in the newest checkpoint of a run that can be read. dir may
// also be a checkpoint. The error is ErrNoRun if there is none.
func checkpointConfig(dir string) (c RecipeConfig, err error) {
	dirs, err := hffolder.Candidates(dir)
	if err != nil {
		return c, ErrNoRun
	}
	for _, dir := range slices.Backward(dirs) {
		if c, err = readConfig(dir); err == nil {
			return c, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return c, ErrNoRun
	}
	return c, err
}

// readConfig are model and options of a checkpoint.
func readConfig(dir string) (c RecipeConfig, err error) {
	state, err := checkpoint.ReadState(dir)
	if err != nil {
		return c, err
	}
	if state.Model != nil {
		c.Config = *state.Model
	} else {
		folder, err := hffolder.Open(dir)
		if err != nil {
			return c, err
		}
		defer folder.Close()
		c.Config = folder.Config.Config
	}
	c.Options, err = optionsOf(dir, state)
	return c, err
}

// optionsOf are the options in the state of a checkpoint.
func optionsOf(dir string, s checkpoint.State) (o Options, err error) {
	if err := json.Unmarshal(s.Options, &o); err != nil {
		return o, fmt.Errorf("%s: options: %w", dir, err)
	}
	if o.Precision == "" {
		o.Precision = PrecisionFloat32 // of a run from before there was a choice
	}
	if o.Gradients == "" { // likewise
		o.Gradients = GradientsFloat
	}
	if d := Default(); o.Optimizer == "" { // likewise
		o.Optimizer, o.MuonRate, o.MuonMomentum = d.Optimizer, d.MuonRate, d.MuonMomentum
		o.MuonPrecision = PrecisionFloat32
	}
	if o.LRDecay == "" { // likewise
		o.LRDecay = optim.LinearDecay
	}
	return o, nil
}

// InitialOptions are the options of the run whose weights another run begins with: dir is a run, one
// of its checkpoints, or its best model. It reports false for any other folder.
func InitialOptions(dir string) (o Options, ok bool, err error) {
	if filepath.Base(dir) == checkpoint.BestDir {
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), runlog.LogFile)); err == nil {
			dir = filepath.Dir(dir)
		}
	}
	c, err := checkpointConfig(dir)
	if errors.Is(err, ErrNoRun) {
		return o, false, nil
	}
	return c.Options, err == nil, err
}

// initialNotes say what a run that begins with the weights of another does not take from its
// recipe.
func (r *Run) initialNotes() ([]string, error) {
	if r.Init == "" || r.Adapt {
		return nil, nil
	}
	before, ok, err := InitialOptions(r.Init)
	if err != nil || !ok {
		return nil, err
	}
	var list []string
	for _, d := range differences(r.Options.changeable(before), before) {
		list = append(list, fmt.Sprintf("%s %v (there %v)", d.key, d.a, d.b))
	}
	if len(list) == 0 {
		return nil, nil
	}
	if now, then := r.Options.TokensPerStep(), before.TokensPerStep(); now != then {
		list = append(list, fmt.Sprintf("%d tokens a step (there %d)", now, then))
	}
	return []string{fmt.Sprintf("the run takes the weights of %s, but another recipe: %s", r.Init,
		strings.Join(list, ", "))}, nil
}

// start is the event with which a run begins, or goes on from a checkpoint.
func (t *trainer) start() (e Event, err error) {
	o := &t.run.Options
	recipe, err := t.run.recipe(t.dataset)
	if err != nil {
		return e, err
	}
	recipe.Seconds = t.clock.Budget
	e = t.at.event(runlog.BeginEvent)
	e.Note = fmt.Sprintf("%s of %d tokens (batch_size %d, gradient_accumulation_steps %d, sequence_length %d), "+
		"lr_schedule %s, seed %d", t.plannedSteps(), o.TokensPerStep(), o.BatchSize, o.GradientAccumulation, o.SequenceLength,
		o.LRSchedule, o.Seed)
	if t.run.Init != "" {
		from, ok, err := OriginOf(t.run.Init)
		if err != nil {
			return e, err
		}
		if e.Note += ", with the weights of " + t.run.Init; ok {
			e.Note += fmt.Sprintf(" (%s)", from)
		}
	}
	if t.teacher != nil {
		e.Note += fmt.Sprintf(", learning from %s (distill_alpha %g, distill_temperature %g)", t.run.Teacher,
			o.DistillAlpha, o.DistillTemperature)
	}
	switch {
	case t.extended != "":
		e.Event, e.Note = runlog.ExtendEvent, t.extended
	case t.resumed:
		e.Event, e.Note = runlog.ResumeEvent, fmt.Sprintf("goes on at step %d, to the end of %s", t.at.step, t.end())
	}
	e.Recipe, err = json.Marshal(recipe)
	return e, err
}

// plannedSteps says how many steps a run shall have.
func (t *trainer) plannedSteps() string {
	if t.run.Options.MaxSteps > 0 {
		return t.end()
	}
	return "steps that fill " + t.end() + ","
}

// Origin is the state of a run that a folder holds.
type Origin struct {
	Dir      string // the folder of the model: a checkpoint, or the best model
	Step     int    // of the run, at which Dir was saved
	MaxSteps int    // that the run shall have; 0: not known
	Over     bool   // the run has come to its end: to MaxSteps, or to its early stop
	Last     bool   // Dir is the newest checkpoint of its run
	Best     *Best  // the best result of the run up to Dir; nil: none
	IsBest   bool   // Dir is the best model
}

// OriginOf looks up what a path names: a run, whose newest checkpoint is taken, a checkpoint, or the
// best model of a run. It reports false for any other file or folder.
func OriginOf(path string) (o Origin, ok bool, err error) {
	dirs, err := hffolder.Candidates(path)
	if err != nil {
		return o, false, nil // no folder of a model at all
	}
	dir := dirs[len(dirs)-1]
	if filepath.Base(dir) == hffolder.BestDir {
		return bestOrigin(dir)
	}
	state, err := checkpoint.ReadState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	options, err := optionsOf(dir, state)
	if err != nil {
		return o, false, err
	}
	s, err := readState(dir, state)
	if err != nil {
		return o, false, err
	}
	stop := evaluation{options: &options, patience: s.Memory.Patience}
	over := options.MaxSteps > 0 && s.Step >= options.MaxSteps || stop.stalled() != ""
	return Origin{Dir: dir, Step: s.Step, MaxSteps: options.MaxSteps, Over: over, Last: isLast(dir),
		Best: s.Memory.Best}, true, nil
}

// isLast reports whether a checkpoint is the newest one of the run whose folder it is in.
func isLast(dir string) bool {
	all, err := hffolder.Checkpoints(filepath.Dir(filepath.Clean(dir)))
	return err == nil && len(all) > 0 && filepath.Base(all[len(all)-1]) == filepath.Base(dir)
}

// bestOrigin is the origin of the best model of a run.
func bestOrigin(dir string) (o Origin, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, hffolder.BestNote))
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	o = Origin{Dir: dir, Best: &Best{}, IsBest: true}
	if err := json.Unmarshal(b, o.Best); err != nil {
		return o, false, fmt.Errorf("%s: %s: %w", dir, hffolder.BestNote, err)
	}
	o.Step = o.Best.Step
	last, ok, err := OriginOf(filepath.Dir(dir))
	if err == nil && ok {
		o.MaxSteps, o.Over = last.MaxSteps, last.Over
	}
	return o, true, err
}

// String says in one line which step of how many it is, and which model of the run.
func (o Origin) String() string {
	text := fmt.Sprintf("step %d", o.Step)
	if o.MaxSteps > 0 {
		text += fmt.Sprintf(" of %d", o.MaxSteps)
	}
	switch {
	case o.IsBest:
		return text + ", the best model of the run"
	case o.Last:
		text += ", the last checkpoint of the run"
	default:
		text += ", a checkpoint of the run"
	}
	if b := o.Best; b != nil && b.Step != o.Step {
		text += fmt.Sprintf(" (the best model is the one of step %d)", b.Step)
	}
	return text
}
