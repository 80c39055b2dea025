package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"trit/data"
	"trit/lm"
	"trit/model"
	"trit/setting"
	"trit/train/graph"
)

// Scorer runs a checkpoint on its training graph, for evaluation before conversion. It is
// for one goroutine.
type Scorer struct {
	Dir    string // of the checkpoint
	Config model.Config
	// Warnings name what was assumed of the folder, keys of its config.json that are not known,
	// and projections that are zero or repeat others.
	Warnings []setting.Note
	threads  int
	params   *graph.Params
	graphs   map[int]*graph.Decoder // by sequence length
}

var _ lm.Model = (*Scorer)(nil)

// NeedsEngine reports whether LoadScorer refused a model that the engine runs, once it is converted.
func NeedsEngine(err error) bool {
	return errors.Is(err, ErrPacked) || errors.Is(err, graph.ErrOnlyEngine)
}

// LoadScorer opens a folder of master weights, or the newest checkpoint of a run. threads is the
// number of threads; 0 is one for each processor.
func LoadScorer(dir string, threads int) (*Scorer, error) {
	c, err := openMasters(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; convert the model to GGUF to evaluate that", err)
	}
	defer c.Close()
	s := &Scorer{
		Dir: c.Dir, Config: c.Config.Config, threads: threads,
		params: graph.EmptyParams(c.Config.Config), graphs: map[int]*graph.Decoder{},
	}
	if err := readMasters(c, s.params); err != nil {
		return nil, err
	}
	s.Warnings, err = folderWarnings(c)
	return s, err
}

// ContextLength implements lm.Model.
func (s *Scorer) ContextLength() int { return s.Config.MaxPositionEmbeddings }

// scorerTokens is the number of tokens in a pass of the graph, unless a single sequence has
// more.
const scorerTokens = 2048

// decoder returns the graph for sequences of length tokens, the number of its rows and the
// length of each. Lengths are powers of two, so that few graphs are built.
func (s *Scorer) decoder(length int) (d *graph.Decoder, rows, padded int, err error) {
	padded = 32
	for padded < length {
		padded *= 2
	}
	padded = min(padded, s.ContextLength())
	rows = max(1, scorerTokens/padded)
	if d, ok := s.graphs[padded]; ok {
		return d, rows, padded, nil
	}
	d, err = graph.New(s.params, graph.Options{Threads: s.threads, Batch: rows, SequenceLength: padded})
	if err == nil {
		s.graphs[padded] = d
	}
	return d, rows, padded, err
}

// Score implements lm.Model.
func (s *Scorer) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	results := make([]lm.ScoreResult, 0, len(requests))
	for len(results) < len(requests) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some, err := s.scoreSome(requests[len(results):])
		if err != nil {
			return nil, err
		}
		results = append(results, some...)
	}
	return results, nil
}

// scoreSome scores the first requests, as many as fit into one pass.
func (s *Scorer) scoreSome(requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	longest := 0
	for _, r := range requests {
		if len(r.Targets) > len(r.Input) {
			return nil, fmt.Errorf("%d targets after %d tokens: want no more than tokens", len(r.Targets), len(r.Input))
		}
		longest = max(longest, len(r.Input))
	}
	d, batch, length, err := s.decoder(longest)
	if err != nil {
		return nil, err
	}
	if longest > length {
		return nil, s.tooLong(longest)
	}
	requests = requests[:min(batch, len(requests))]
	in := emptyBatch(batch * length)
	for i := range in.Targets {
		in.Targets[i] = -1
	}
	for i, r := range requests {
		copy(in.Tokens[i*length:], r.Input)
		copy(in.Targets[i*length+len(r.Input)-len(r.Targets):], r.Targets)
	}
	setBatch(d, &in)
	if _, err := d.Run(); err != nil {
		return nil, err
	}
	losses, greedy := d.TokenLosses(), d.Greedy()
	results := make([]lm.ScoreResult, len(requests))
	for i, r := range requests {
		lo, hi := i*length+len(r.Input)-len(r.Targets), i*length+len(r.Input)
		results[i] = scoreOf(losses[lo:hi], greedy[lo:hi])
	}
	return results, nil
}

// emptyBatch makes a batch of n positions.
func emptyBatch(n int) data.Batch {
	return data.Batch{Tokens: make([]int32, n), Targets: make([]int32, n), Starts: make([]int32, n)}
}

// scoreOf sums up the losses of the targets of a request.
func scoreOf(losses []float32, greedy []bool) lm.ScoreResult {
	r := lm.ScoreResult{Greedy: true}
	for i, loss := range losses {
		r.LogProb -= float64(loss)
		r.Greedy = r.Greedy && greedy[i]
	}
	return r
}

func (s *Scorer) tooLong(n int) error {
	return fmt.Errorf("a sequence of %d tokens: the model's context is %d", n, s.ContextLength())
}

// Continue implements lm.Model. It runs the graph once for each token, on one prompt after
// the other. It calls the requests' Stop between tokens and does not look at Until.
func (s *Scorer) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	results := make([][]int32, len(requests))
	for i, r := range requests {
		var err error
		if results[i], err = s.continueOne(ctx, r); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (s *Scorer) continueOne(ctx context.Context, r lm.ContinueRequest) ([]int32, error) {
	ids, n := slices.Clone(r.Prompt), len(r.Prompt)
	for len(ids) < n+r.MaxTokens && (r.Stop == nil || !r.Stop(ids[n:])) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		id, err := s.next(ids)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids[n:], nil
}

// next is the likeliest token after a sequence.
func (s *Scorer) next(ids []int32) (int32, error) {
	d, batch, length, err := s.decoder(len(ids))
	if err != nil {
		return 0, err
	}
	if len(ids) == 0 || len(ids) > length {
		return 0, s.tooLong(len(ids))
	}
	in := emptyBatch(batch * length)
	copy(in.Tokens, ids)
	setBatch(d, &in)
	if _, err := d.Run(); err != nil {
		return 0, err
	}
	row := make([]float32, s.Config.VocabSize)
	d.Logits(row, len(ids)-1)
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return int32(best), nil
}

// Close frees the graphs.
func (s *Scorer) Close() error {
	for _, d := range s.graphs {
		d.Close()
	}
	return nil
}
