package train

import (
	"context"
	"fmt"

	"trit/data"
	"trit/model"
	"trit/train/graph"
)

// Scorer runs a checkpoint on its training graph, for evaluation before conversion.
type Scorer struct {
	Dir     string // of the checkpoint
	Config  model.Config
	threads int
	params  *graph.Params
	graphs  map[int]*graph.Decoder // by sequence length
}

// LoadScorer opens a folder of master weights, or the newest checkpoint of a run, to be run on a
// number of threads; 0 is one for each processor.
func LoadScorer(dir string, threads int) (*Scorer, error) {
	c, err := openMasters(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; a converted one, GGUF, can be evaluated too", err)
	}
	defer c.Close()
	s := &Scorer{Dir: c.Dir, Config: c.Config.Config, threads: threads,
		params: graph.EmptyParams(c.Config.Config), graphs: map[int]*graph.Decoder{}}
	if err := readMasters(c, s.params); err != nil {
		return nil, err
	}
	return s, nil
}

// scorerTokens is about how many tokens a pass of the graph holds.
const scorerTokens = 2048

// decoder is the graph for rows of at least so many tokens, in steps of powers of two,
// so that few graphs are built.
func (s *Scorer) decoder(length int) (d *graph.Decoder, rows, padded int, err error) {
	padded = 32
	for padded < length {
		padded *= 2
	}
	padded = min(padded, s.Config.MaxPositionEmbeddings)
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

// Row is a sequence to score: the targets follow each of the last len(Targets) inputs.
// LogProb and Greedy are the results.
type Row struct {
	Input, Targets []int32
	LogProb        float64
	Greedy         bool
}

// Score fills in the results of rows.
func (s *Scorer) Score(ctx context.Context, rows []Row) error {
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.scoreSome(rows)
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// scoreSome scores as many of the first rows as fit one pass.
func (s *Scorer) scoreSome(rows []Row) (int, error) {
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.Input))
	}
	d, batch, length, err := s.decoder(longest)
	if err != nil {
		return 0, err
	}
	if longest > length {
		return 0, fmt.Errorf("a sequence of %d tokens: the model's context is %d", longest, length)
	}
	rows = rows[:min(batch, len(rows))]
	in := data.Batch{Tokens: make([]int32, batch*length), Targets: make([]int32, batch*length), Starts: make([]int32, batch*length)}
	for i := range in.Targets {
		in.Targets[i] = -1
	}
	for i, r := range rows {
		copy(in.Tokens[i*length:], r.Input)
		copy(in.Targets[i*length+len(r.Input)-len(r.Targets):], r.Targets)
	}
	setBatch(d, &in)
	if _, err := d.Run(); err != nil {
		return 0, err
	}
	losses, greedy := d.TokenLosses(), d.Greedy()
	for i := range rows {
		r := &rows[i]
		r.LogProb, r.Greedy = 0, true
		for j := len(r.Input) - len(r.Targets); j < len(r.Input); j++ {
			r.LogProb -= float64(losses[i*length+j])
			r.Greedy = r.Greedy && greedy[i*length+j]
		}
	}
	return len(rows), nil
}

// Next is the likeliest token after a sequence.
func (s *Scorer) Next(ids []int32) (int32, error) {
	d, batch, length, err := s.decoder(len(ids))
	if err != nil {
		return 0, err
	}
	if len(ids) == 0 || len(ids) > length {
		return 0, fmt.Errorf("a sequence of %d tokens: the model's context is %d", len(ids), length)
	}
	in := data.Batch{Tokens: make([]int32, batch*length), Targets: make([]int32, batch*length), Starts: make([]int32, batch*length)}
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
