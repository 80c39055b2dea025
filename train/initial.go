package train

import (
	"fmt"
	"os"
	"path/filepath"

	"trit/optim"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// resumes tells whether the run goes on from a checkpoint. A folder that holds a run
// is not begun again unless that is asked for.
func (r *Run) resumes() (bool, error) {
	_, err := checkpoint.Resolve(r.OutDir)
	started := err == nil
	_, err = os.Stat(filepath.Join(r.OutDir, "metrics.jsonl"))
	switch {
	case r.Resume && started:
		return true, nil
	case started:
		return false, fmt.Errorf("%s holds a run already: --resume goes on with it, or name another --out", r.OutDir)
	case !r.Resume && err == nil:
		return false, fmt.Errorf("%s holds the log of a run without a checkpoint: --resume begins it again, or name another --out", r.OutDir)
	}
	return false, nil
}

// makeWeights makes weights and optimiser, from the last checkpoint, from the folder that
// the run begins with, or fresh.
func (t *trainer) makeWeights() error {
	resumed, err := t.run.resumes()
	if err != nil {
		return err
	}
	if resumed {
		t.setParams(graph.EmptyParams(t.run.Model))
		t.makeAverage()
		return t.restore()
	}
	if t.run.Init != "" {
		t.setParams(graph.EmptyParams(t.run.Model))
		if err := t.readInitial(); err != nil {
			return err
		}
	} else {
		t.setParams(graph.NewParams(t.run.Model, t.run.Options.Seed))
	}
	t.makeAverage()
	return nil
}

// setParams makes the optimiser of these weights.
func (t *trainer) setParams(p *graph.Params) {
	var params []optim.Param
	for _, s := range p.Specs() {
		params = append(params, optim.Param{Name: s.Name, Value: p.Value(s.Name), Decay: len(s.Shape) == 2})
	}
	o := t.run.Options
	t.params, t.chunks = p, makeChunks(params)
	t.optimizer = optim.NewAdamW(o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon, params)
}
