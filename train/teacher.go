package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"trit/data"
	"trit/internal/parallel"
	"trit/setting"
	"trit/train/distill"
	"trit/train/graph"
	"trit/train/ranks"
)

// checkTeacher refuses options of a teacher without one, and a teacher that has no say.
func (r *Run) checkTeacher() error {
	o := r.Options
	switch says := o.DistillAlpha > 0 || o.DistillRelations > 0; {
	case r.OpenTeacher == nil && r.Teacher != "":
		return setting.Needs("train.Run.Teacher", fmt.Sprintf("the run learns from %s, which is not open", r.Teacher),
			"name it with {train.Run.Teacher}")
	case r.OpenTeacher == nil && says:
		return setting.Needs("train.Run.Teacher",
			fmt.Sprintf("distill_alpha is %g and distill_relations %g, but there is no teacher",
				o.DistillAlpha, o.DistillRelations),
			"name one with {train.Run.Teacher}, or set both to 0")
	case r.OpenTeacher != nil && !says:
		return errors.New("distill_alpha and distill_relations are 0: the run would learn nothing from its teacher; " +
			"set distill_alpha, such as 0.7")
	}
	return nil
}

// openTeacher opens the teacher of the run, which is the same on all ranks.
func (t *trainer) openTeacher() (err error) {
	r := t.run
	if r.OpenTeacher == nil {
		return nil
	}
	if t.teacher, err = r.OpenTeacher(r); err != nil {
		return err
	}
	t.opened.add(t.teacher)
	if c, ok := t.teacher.(*distill.Cache); ok {
		if err := c.CheckFor(t.dataset, r.Options.SequenceLength); err != nil {
			return err
		}
	}
	if err := distill.CheckVocabulary(t.teacher, r.Model.VocabSize); err != nil {
		return err
	}
	if t.teacher, err = distill.TopK(t.teacher, r.Options.DistillTopK, parallel.New(r.Threads)); err != nil {
		return err
	}
	return ranks.Agree(r.comm(), "the teacher", []byte(t.teacher.Fingerprint()))
}

// teacherPrint is the fingerprint of the teacher, "" without one.
func (t *trainer) teacherPrint() string {
	if t.teacher == nil {
		return ""
	}
	return t.teacher.Fingerprint()
}

// otherTeacher is the error of a run that is resumed with another teacher than it was begun with.
func otherTeacher(dir, begun string) error {
	if begun == "" {
		return setting.Needs("train.Run.Teacher", dir+": the run was begun without a teacher",
			"begin another run with {train.Run.Init} "+dir)
	}
	return setting.Needs("train.Run.Teacher", dir+": the run was begun with another teacher",
		"name its own with {train.Run.Teacher}, or begin another run with {train.Run.Init} "+dir)
}

// distillation is what the options say about a teacher.
func (o Options) distillation(t graph.Teacher) *graph.Distillation {
	d := &graph.Distillation{Teacher: t, Alpha: o.DistillAlpha, Temperature: o.DistillTemperature,
		Relations: o.DistillRelations, Layer: o.DistillLayer}
	if o.DistillAlpha == 0 {
		d.Temperature = 1 // only kl, for the log, depends on it
	}
	return d
}

// WithoutTeacher are the options of a run that has the recipe of another and no teacher.
func (o Options) WithoutTeacher() Options {
	o.DistillAlpha, o.DistillTemperature, o.DistillRelations, o.DistillLayer, o.DistillTopK = 0, 0, 0, 0, 0
	return o
}

// taught are the parts of a loss that has a teacher's, over the targets: cross entropy,
// distill_temperature^2 times the divergence, and the attention relations.
type taught struct{ ce, kl, relations float64 }

// add adds what the last run of a graph learned from its teacher, as sums over its targets.
func (t *taught) add(d *graph.Decoder) {
	kl, relations := d.Distilled()
	t.kl += kl * float64(d.Scored())
	t.relations += relations * float64(d.Scored())
}

// taughtLoss is the loss that is minimised.
func (o Options) taughtLoss(t taught) float64 {
	return (1-o.DistillAlpha)*t.ce + o.DistillAlpha*t.kl + o.DistillRelations*t.relations
}

// folderTeacher is a folder of master weights, on a graph without gradients.
type folderTeacher struct {
	*graph.Decoder
	states      *graph.States
	vocab       int
	fingerprint string
}

// FolderTeacher opens a Hugging Face folder of master weights, or a checkpoint of a run, as the teacher
// of a run. The data must have been encoded with its tokenizer.
func FolderTeacher(r *Run, dir string) (distill.Teacher, error) {
	c, err := openMasters(dir)
	if err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	defer c.Close()
	files, err := tokenizerFiles(r.DataDir)
	if err != nil {
		return nil, err
	}
	if unknown, err := checkTokenizer(c.Dir, files); err != nil || len(unknown) > 0 {
		return nil, errors.Join(err, fmt.Errorf("the teacher must share the vocabulary of the student %q", unknown))
	}
	p := graph.EmptyParams(c.Config.Config)
	if err := readMasters(c, p); err != nil {
		return nil, err
	}
	o := r.Options
	t := &folderTeacher{vocab: p.Config.VocabSize}
	if t.fingerprint, err = fingerprint(p); err != nil {
		return nil, err
	}
	t.Decoder, err = graph.New(p, o.teacherGraph(r.Threads))
	if err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	if o.DistillRelations > 0 {
		if t.states, err = t.KeepStates(o.DistillLayer); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	return t, nil
}

// teacherGraph are the options of the graph of a folder that teaches.
func (o Options) teacherGraph(threads int) graph.Options {
	return graph.Options{Threads: threads, Batch: o.BatchSize, SequenceLength: o.SequenceLength,
		BF16: o.Precision == PrecisionBF16}
}

// fingerprint is a hash of a model and its weights.
func fingerprint(p *graph.Params) (string, error) {
	config, err := json.Marshal(p.Config)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write(config)
	for _, spec := range p.Specs() {
		if err := binary.Write(h, binary.LittleEndian, p.Value(spec.Name)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Read implements distill.Teacher.
func (t *folderTeacher) Read(b *data.Batch) error {
	setBatch(t.Decoder, b)
	for i := range t.Targets() {
		t.Targets()[i] = -1 // the logits alone are asked for
	}
	_, err := t.Run()
	return err
}

// Logits implements graph.Teacher.
func (t *folderTeacher) Logits(dst []float32, lo, hi int) error {
	t.LogitsOf(dst, lo, hi)
	return nil
}

// States implements graph.Teacher.
func (t *folderTeacher) States() *graph.States { return t.states }

// VocabSize implements distill.Teacher.
func (t *folderTeacher) VocabSize() int { return t.vocab }

// Fingerprint implements distill.Teacher.
func (t *folderTeacher) Fingerprint() string { return t.fingerprint }

// CachedTeacher opens the file with what the teacher of a run said. If there is none, it opens the
// teacher, asks it about all rows of the run, and writes the file, on rank 0, for which the others wait.
func CachedTeacher(r *Run, path string, open func(*Run) (distill.Teacher, error)) (distill.Teacher, error) {
	c := r.comm()
	var failed error
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && c.Rank() == 0 {
		failed = r.askTeacher(path, open)
	}
	missing := failed != nil
	if err := ranks.AllReduceAny(c, &missing); err != nil || failed != nil {
		return nil, errors.Join(failed, err)
	}
	return distill.OpenCache(path)
}

// askTeacher writes what a teacher says about all rows of the run.
func (r *Run) askTeacher(path string, open func(*Run) (distill.Teacher, error)) (err error) {
	o := r.Options
	if o.MaxSteps == 0 {
		return setting.Needs("train.Options.MaxSteps", "nobody knows how many rows the run reads",
			"set {train.Options.MaxSteps}")
	}
	if o.DistillTopK == 0 {
		return errors.New("distill_top_k is 0: a file does not hold all logits of a teacher; set it, such as to 32")
	}
	t, err := open(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	m, err := data.OpenManifest(r.DataDir)
	if err != nil {
		return err
	}
	l, err := data.OpenLoader(r.DataDir, o.rows(0, 1))
	if err != nil {
		return err
	}
	defer l.Close()
	h := distill.Header{Dataset: m.Fingerprint(), SequenceLength: o.SequenceLength, K: o.DistillTopK,
		Rows: o.MaxSteps * o.GradientAccumulation * o.BatchSize}
	return distill.WriteCache(path, t, h, l.Next, parallel.New(r.Threads), r.OnAsked)
}
