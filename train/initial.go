package train

import (
	"os"
	"path/filepath"

	"trit/format/hffolder"
	"trit/optim"
	"trit/setting"
	"trit/train/graph"
)

// resumes reports whether the run goes on from a checkpoint. A folder that holds a run
// is not begun again unless that is asked for.
func (r *Run) resumes() (bool, error) {
	_, err := hffolder.Resolve(r.OutDir)
	started := err == nil
	_, err = os.Stat(filepath.Join(r.OutDir, "metrics.jsonl"))
	switch {
	case r.Resume && started:
		return true, nil
	case started:
		return false, setting.Needs("train.Run.Resume", r.OutDir+" holds a run already",
			"{train.Run.Resume} goes on with it, or name another {train.Run.OutDir}")
	case !r.Resume && err == nil:
		return false, setting.Needs("train.Run.Resume", r.OutDir+" holds the log of a run without a checkpoint",
			"{train.Run.Resume} begins it again, or name another {train.Run.OutDir}")
	}
	return false, nil
}

// makeWeights makes weights and optimiser, from the last checkpoint, from the folder that
// the run begins with, or fresh.
func (t *trainer) makeWeights() error {
	resumed, err := t.resumes()
	if err != nil {
		return err
	}
	params, err := t.initialParams(resumed)
	if err != nil {
		return err
	}
	if err := t.setParams(params); err != nil {
		return err
	}
	if resumed {
		t.makeAverage()
		return t.restore()
	}
	if err := t.scatterWeights(); err != nil {
		return err
	}
	t.makeAverage()
	return nil
}

// resumes is what rank 0 finds in the run folder.
func (t *trainer) resumes() (resumed bool, err error) {
	if t.leads() {
		if resumed, err = t.run.resumes(); err != nil {
			return false, err
		}
	}
	return resumed, t.share.any(&resumed)
}

// initialParams are the weights that a run begins with on rank 0; all else is filled later.
func (t *trainer) initialParams(resumed bool) (*graph.Params, error) {
	if resumed || !t.leads() {
		return graph.EmptyParams(t.run.Model), nil
	}
	if t.run.Init != "" {
		return t.readInitial()
	}
	return graph.NewParams(t.run.Model, t.run.Options.Seed), nil
}

// setParams makes the optimiser of what this rank owns of these weights.
func (t *trainer) setParams(p *graph.Params) error {
	t.params = p
	if err := t.share.own(p.Specs()); err != nil {
		return err
	}
	matrix := map[string]bool{}
	for _, s := range p.Specs() {
		matrix[s.Name] = len(s.Shape) == 2
	}
	var params []optim.Param
	for _, piece := range t.share.Owned() {
		params = append(params, optim.Param{Name: piece.Name, Value: t.value(piece), Decay: matrix[piece.Name]})
	}
	o := t.run.Options
	t.chunks = makeChunks(params)
	var err error
	t.optimizer, err = optim.NewAdamW(o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon, o.Moments, params)
	return err
}
