package train

import (
	"os"
	"path/filepath"

	"trit/format/hffolder"
	"trit/setting"
	"trit/train/graph"
	"trit/train/runlog"
)

// resumes reports whether the run goes on from a checkpoint. A folder that holds a run
// is an error unless the run is to be resumed.
func (r *Run) resumes() (bool, error) {
	_, err := hffolder.Resolve(r.OutDir)
	started := err == nil
	_, err = os.Stat(filepath.Join(r.OutDir, runlog.LogFile))
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

// initialParams makes what training moves at the beginning of a run. With lora_rank these are fresh
// adapters on all ranks. Without, they are on rank 0 the weights of the folder Init, or fresh ones. On
// other ranks, and if a checkpoint fills them later, they are zeros. files are the files of the data's
// tokenizer; warnings are for the log.
func (r *Run) initialParams(resumed bool, files map[string][]byte) (p *graph.Params, warnings []string, err error) {
	if r.Options.LoRARank > 0 {
		b, warnings, err := r.readBase(files)
		if err != nil {
			return nil, nil, err
		}
		p, err = graph.NewAdapters(b, r.Options.lora(), r.Options.Seed)
		return p, warnings, err
	}
	if resumed || r.comm().Rank() != 0 {
		return graph.EmptyParams(r.Model), nil, nil
	}
	if r.Init != "" {
		return r.readInitial(files)
	}
	return graph.NewParams(r.Model, r.Options.Seed), nil, nil
}
