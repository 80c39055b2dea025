package preference

import (
	"fmt"
	"time"

	"trit/data"
	"trit/setting"
	"trit/train/graph"
	"trit/train/ranks"
)

// Job makes the Reference of a run known on all ranks.
type Job struct {
	Comm     ranks.Comm
	Path     string // of the file, which rank 0 reads and writes
	Dataset  string // fingerprint of the data
	Params   *graph.Params
	Decoder  *graph.Decoder // over Params, with a Preference
	Rounding graph.Rounding // that the reference computes with
	Begun    bool           // the run has moved the weights, which are not the reference's any more
	// Batches calls use with all batches that this rank will read.
	Batches func(use func(*data.Batch) error) error
	Note    func(text string) error // for the log
}

// Prepare returns what the reference gives for all rows: from the file, or if that does not know them
// by running the model, which then must be the reference still.
func (j *Job) Prepare() (*Reference, error) {
	r, err := j.load()
	if err != nil {
		return nil, err
	}
	missing := false
	err = j.Batches(func(b *data.Batch) error {
		missing = missing || !r.Fill(j.Decoder.Reference(), b)
		return nil
	})
	if err == nil {
		err = ranks.AllReduceAny(j.Comm, &missing)
	}
	switch {
	case err != nil:
		return nil, err
	case !missing:
		return r, nil
	case j.Begun:
		return nil, setting.Needs("train.Run.Init", j.Path+" does not know all pairs that the run will read, and the "+
			"weights that the run began with are gone", "give the run the end that it was begun with and its own data, or "+
			"begin another with the model of this one: {train.Run.Init} names its folder")
	}
	return r, j.compute(r)
}

// load reads the file on rank 0 and sends it to all ranks. Without one that fits no row is known.
func (j *Job) load() (r *Reference, err error) {
	base := ""
	if !j.Begun {
		if base, err = Base(j.Params, j.Rounding.Lambda); err != nil {
			return nil, err
		}
	}
	r = New(j.Dataset, base)
	var rows []byte
	if j.Comm.Rank() == 0 {
		found, err := Open(j.Path, j.Dataset, base)
		switch {
		case err == nil:
			rows = found.Encode()
		case !Missing(err) && j.Begun: // what is damaged at step 0 is made again
			return nil, err
		}
	}
	if err := ranks.BroadcastBytes(j.Comm, &rows); err != nil {
		return nil, err
	}
	return r, r.Decode(rows)
}

// compute runs the model on the rows that r does not know, each rank on its own, and writes the file.
func (j *Job) compute(r *Reference) error {
	start := time.Now()
	if err := j.Note("the log-probabilities of the pairs by the model that the run begins with are computed"); err != nil {
		return err
	}
	j.Decoder.SetRounding(j.Rounding)
	if err := j.Batches(func(b *data.Batch) error { return j.add(r, b) }); err != nil {
		return err
	}
	all, err := ranks.Collect(j.Comm, r.Encode())
	if err != nil {
		return err
	}
	for _, rows := range all {
		if err := r.Decode(rows); err != nil {
			return err
		}
	}
	if j.Comm.Rank() != 0 {
		return nil
	}
	if err := r.Save(j.Path); err != nil {
		return err
	}
	return j.Note(fmt.Sprintf("%d texts took %s; they are kept in %s", r.Len(),
		time.Since(start).Round(100*time.Millisecond), File))
}

// add runs the model on a batch with rows that r does not know.
func (j *Job) add(r *Reference, b *data.Batch) error {
	if r.Fill(j.Decoder.Reference(), b) {
		return nil
	}
	clear(j.Decoder.Reference())
	copy(j.Decoder.Tokens(), b.Tokens)
	copy(j.Decoder.Targets(), b.Targets)
	copy(j.Decoder.Starts(), b.Starts)
	if _, err := j.Decoder.Evaluate(); err != nil {
		return err
	}
	r.Add(b, j.Decoder.Pairs())
	return nil
}
