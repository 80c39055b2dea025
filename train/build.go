package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"trit/data"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
	"trit/train/clock"
	"trit/train/graph"
	"trit/train/ranks"
	"trit/train/samples"
)

// newTrainer opens the data and makes the parts of a run, from its last checkpoint if it is
// resumed. After an error nothing stays open.
func newTrainer(r *Run) (*trainer, error) {
	begun := r.clockNow()
	t := &trainer{run: r, guard: r.Guard, clock: clock.New(begun, r.clockNow)}
	if r.MaxTime > 0 {
		t.deadline = begun.Add(r.MaxTime)
	}
	if t.guard == nil {
		t.guard = newGuard()
	}
	if err := t.build(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *trainer) build() error {
	manifest, err := data.OpenManifest(t.run.DataDir)
	if t.run.Resume && errors.Is(err, fs.ErrNotExist) {
		return &setting.Error{Field: "train.Run.DataDir", Problem: "the data of the run", Err: err,
			Remedy: "{train.Run.DataDir} names their folder if it has moved"}
	}
	if err != nil {
		return err
	}
	t.dataset = manifest.Fingerprint()
	if err := t.run.resolve(manifest); err != nil {
		return err
	}
	microBatches, err := t.run.join(manifest)
	if err != nil {
		return err
	}
	if err := manifest.CheckTokenizer(t.run.DataDir); err != nil {
		return err
	}
	files, err := tokenizerFiles(t.run.DataDir)
	if err != nil {
		return err
	}
	heldout, err := t.openData(manifest)
	if err != nil {
		return err
	}
	folder := modelFolder{model.ForTraining(t.run.Model, int(manifest.BOS), int(manifest.EOS)), files}
	before, err := t.makeWeights(folder)
	if err != nil {
		return err
	}
	if err := t.run.Options.resolveForAll(t.run.comm(), &t.run.Model, thisMachine(t.run.Threads)); err != nil {
		return err
	}
	if err := t.openTeacher(); err != nil {
		return err
	}
	return t.makeParts(microBatches, heldout, before)
}

// join checks that all ranks are about to do the same run, and returns this rank's number of
// micro-batches in a step.
func (r *Run) join(m *data.Manifest) (microBatches int, err error) {
	c := r.comm()
	if microBatches, err = r.Options.MicroBatches(c.Size()); err != nil {
		return 0, err
	}
	config, err := json.Marshal([]any{r.Model, r.Options, r.MaxTime, r.Extend, len(r.Shares)})
	return microBatches, errors.Join(err, ranks.Agree(c, "the configuration", config),
		ranks.Agree(c, "the data set", []byte(m.Fingerprint())))
}

// openData opens the part of the data that this rank reads. heldout is nil if the data set has
// no held-out split.
func (t *trainer) openData(m *data.Manifest) (heldout *data.Loader, err error) {
	o, c := t.run.Options, t.run.comm()
	rows := o.rows(c.Rank(), c.Size())
	if t.loader, err = data.OpenLoader(t.run.DataDir, rows); err != nil {
		return nil, err
	}
	t.opened.add(t.loader)
	t.noteLong(t.loader)
	if m.Heldout.Documents == 0 {
		return nil, nil
	}
	rows.Split, rows.Seed, rows.Shuffle = data.Heldout, 0, false
	t.heldoutBatches = int(m.Heldout.Tokens)/(o.BatchSize*o.SequenceLength) + 1
	if heldout, err = data.OpenLoader(t.run.DataDir, rows); err != nil {
		return nil, err
	}
	t.opened.add(heldout)
	t.noteLong(heldout)
	return heldout, nil
}

// noteLong says in the log what becomes of conversations that are longer than a row.
func (t *trainer) noteLong(l *data.Loader) {
	if note := l.LongNote(); note != "" {
		t.long = append(t.long, note)
	}
}

// rows are the rows of the training split that a rank reads.
func (o Options) rows(rank, ranks int) data.LoaderOptions {
	return data.LoaderOptions{Split: data.Train, BatchSize: o.BatchSize, SequenceLength: o.SequenceLength,
		Rank: rank, Ranks: ranks, Seed: o.Seed, Shuffle: true}
}

// makeWeights makes the weights and the optimiser: from the last checkpoint, from the folder
// Init, or fresh. It returns the state of the run in the checkpoint, nil without one.
func (t *trainer) makeWeights(folder modelFolder) (before *snapshot, err error) {
	if t.resumed, err = t.resumes(); err != nil {
		return nil, err
	}
	params, warnings, err := t.run.initialParams(t.resumed, folder.files)
	if err != nil {
		return nil, err
	}
	t.warnings = warnings
	o := &t.run.Options
	if t.share, err = newSharing(t.run.comm(), parallel.New(t.run.Threads), params, o); err != nil {
		return nil, err
	}
	t.saving = &saving{dir: t.run.OutDir, dataDir: t.run.DataDir, dataset: t.loader.State().Dataset,
		options: o, folder: folder, share: t.share, clock: t.clock, now: t.run.clockNow}
	if err := t.saving.setBase(t.run.Init); err != nil {
		return nil, err
	}
	if t.resumed {
		t.share.beginMean()
		if wanted := o.MaxSteps; t.run.Extend {
			t.saving.wanted = &wanted
		}
		before, t.warnings, err = t.saving.restore()
		return before, err
	}
	err = t.share.broadcastWeights()
	t.share.beginMean()
	return nil, err
}

// resumes reports whether rank 0 finds a run to go on with in the run folder.
func (t *trainer) resumes() (resumed bool, err error) {
	c := t.run.comm()
	if c.Rank() == 0 {
		if resumed, err = t.run.resumes(); err != nil {
			return false, err
		}
	}
	return resumed, ranks.AllReduceAny(c, &resumed)
}

// makeParts makes the graph and the parts that need it, and restores the position of the run
// before, which is nil for a new run.
func (t *trainer) makeParts(microBatches int, heldout *data.Loader, before *snapshot) error {
	o, begin := &t.run.Options, 0
	if before != nil {
		begin = before.Step
	}
	options := o.graph(begin, t.run.Threads)
	if t.teacher != nil {
		options.Distill = o.distillation(t.teacher)
	}
	d, err := graph.New(t.share.params, options)
	if err != nil {
		return err
	}
	t.opened.add(d)
	t.step = &stepper{options: o, share: t.share, decoder: d, batches: t.loader, microBatches: microBatches,
		teacher: t.teacher}
	t.evaluation = &evaluation{options: o, ternary: t.run.Model.Ternary, share: t.share, decoder: d, heldout: heldout,
		batches: t.heldoutBatches, now: t.run.clockNow}
	t.recording = newRecording(t.run.Model, o, d, t.share, t.clock)
	if err := t.makeSamples(options); err != nil {
		return err
	}
	if before == nil {
		return nil
	}
	t.clock.Restore(before.Memory.time())
	return t.goTo(before)
}

// makeSamples makes what writes texts at each evaluation, on rank 0.
func (t *trainer) makeSamples(g graph.Options) error {
	o := t.run.Options.samples()
	if len(o.Prompts) == 0 || !t.share.isRank0() {
		return nil
	}
	tok, err := tokenizer.Load(t.run.DataDir)
	if err == nil {
		t.samples, err = samples.New(o, tok, t.share.params, g)
	}
	if err != nil {
		return fmt.Errorf("sample_prompts: %w", err)
	}
	t.opened.add(t.samples)
	return nil
}

// openLog opens the log, which rank 0 alone has, and writes to it how the run begins and the
// warnings.
func (t *trainer) openLog() error {
	if !t.share.isRank0() {
		return nil
	}
	if err := t.recording.open(t.run.OutDir, t.at, t.run.OnEvent); err != nil {
		return err
	}
	t.opened.add(t.recording.log)
	e, err := t.start()
	if err != nil {
		return err
	}
	if !t.resumed {
		notes, err := t.run.initialNotes()
		if err != nil {
			return err
		}
		t.warnings = slices.Concat(t.warnings, t.run.Notes, notes)
	}
	return errors.Join(t.recording.write(e), t.recording.warn(t.at, append(t.long, t.warnings...)))
}

// tokenizerFiles reads the files of the tokenizer in the data folder.
func tokenizerFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range tokenizer.FileNames(dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = b
		} else if !os.IsNotExist(err) {
			return nil, err
		}
	}
	return files, nil
}

// closers are the things that a run has opened and must close.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

// Close closes all, the last opened first, and joins the errors.
func (c *closers) Close() error {
	var errs []error
	for _, x := range slices.Backward(*c) {
		errs = append(errs, x.Close())
	}
	*c = nil
	return errors.Join(errs...)
}
