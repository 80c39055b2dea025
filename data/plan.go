package data

import (
	"context"
	"math"
	"time"

	"trit/data/dedup"
	"trit/data/filter"
	"trit/internal/parallel"
)

// planBytes is how much text of each set a plan looks at.
const planBytes = 4 << 20

// Plan is an estimate of what Prepare makes and takes.
type Plan struct {
	Sets             []PlannedSet `json:"sets"`
	Tokens           float64      `json:"tokens"`
	Ends             string       `json:"ends"` // why it ends
	Shards           int          `json:"shards"`
	Disk             float64      `json:"disk"`      // bytes
	WorkDisk         float64      `json:"work_disk"` // bytes that are free again at the end
	Memory           float64      `json:"memory"`
	DuplicatesMemory float64      `json:"duplicates_memory"`
	WantedMemory     float64      `json:"wanted_duplicates_memory"` // of a false rate of 0.1 %
	FalseRate        float64      `json:"duplicates_false_rate"`
	Speed            float64      `json:"speed"` // bytes of text a second, on all threads
	Threads          int          `json:"threads"`
	Seconds          float64      `json:"seconds"`
}

// PlannedSet is what a set holds, and what it gives to one pass.
type PlannedSet struct {
	Name      string  `json:"name,omitempty"`
	Documents float64 `json:"documents"`
	Bytes     float64 `json:"bytes"`
	Kept      float64 `json:"kept"` // share of the documents that pass the filters
	Tokens    float64 `json:"tokens"`

	perToken float64 // bytes that are read for a token
	rate     float64 // tokens a document
}

// PlanPrepare looks at the beginning of each set. It makes nothing.
func PlanPrepare(ctx context.Context, o PrepareOptions) (*Plan, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := filter.New(o.Filters)
	if err != nil {
		return nil, err
	}
	sets, err := o.openSets()
	if err != nil {
		return nil, err
	}
	p := &Plan{Threads: parallel.New(o.Threads).Threads()}
	bytes, seconds := 0.0, 0.0
	for _, s := range sets {
		planned, read, took, err := o.sample(ctx, s, f)
		if err != nil {
			return nil, err
		}
		p.Sets, bytes, seconds = append(p.Sets, planned), bytes+read, seconds+took
	}
	p.Speed = bytes / max(seconds, 1e-9) * float64(p.Threads)
	p.total(&o, sets)
	return p, nil
}

// sample encodes the beginning of a set on one thread.
func (o *PrepareOptions) sample(
	ctx context.Context, s *set, f *filter.Filter,
) (p PlannedSet, bytes, seconds float64, err error) {
	p.Name = s.info.Name
	documents, kept, tokens := 0.0, 0.0, 0.0
	for item, err := range s.texts.From(ctx, s.At, f.NeedsRows()) {
		if err != nil {
			return p, 0, 0, err
		}
		begun := time.Now()
		e := o.encodeItem(item, f)
		seconds += time.Since(begun).Seconds()
		if e.err != nil {
			return p, 0, 0, e.err
		}
		documents, bytes = documents+1, bytes+float64(e.bytes)
		for _, d := range e.documents {
			kept, tokens = kept+1, tokens+float64(len(d.ids))
		}
		if bytes >= planBytes {
			break
		}
	}
	p.Bytes = bytes
	if bytes >= planBytes {
		size, err := s.texts.TextBytes()
		if err != nil {
			return p, 0, 0, err
		}
		p.Bytes = max(float64(size), bytes)
	}
	share := p.Bytes / max(bytes, 1)
	p.Documents, p.Kept, p.Tokens = documents*share, kept/max(documents, 1), tokens*share
	p.perToken, p.rate = bytes/max(tokens, 1), tokens/max(kept, 1)
	return p, bytes, seconds, nil
}

// total adds up the sets as they are mixed.
func (p *Plan) total(o *PrepareOptions, sets []*set) {
	taken := p.taken(o, sets)
	read, documents := 0.0, 0.0
	for i, tokens := range taken {
		p.Tokens += tokens
		read += tokens * p.Sets[i].perToken
		documents += min(tokens, p.Sets[i].Tokens) / max(p.Sets[i].rate, 1)
	}
	width := float64(o.Duplicates.Width())
	p.Shards = int(math.Ceil(p.Tokens / float64(o.shardTokens())))
	p.Disk = p.Tokens*float64(idWidth(o.Tokenizer.VocabSize())) + 16*documents
	if p.WorkDisk = float64(o.shardTokens()) * 4; width > 0 {
		p.WorkDisk += documents * (2 + 8*width)
		memory := o.Memory
		if memory == 0 {
			memory = dedup.DefaultMemory
		}
		p.DuplicatesMemory = float64(memory)
		p.FalseRate = dedup.FalseRate(memory, documents*width, width)
		for p.WantedMemory = 1 << 20; dedup.FalseRate(int64(p.WantedMemory), documents*width, width) > 0.001; {
			p.WantedMemory *= 1.25
		}
	}
	// Of each split a shard as ids of 4 bytes and as it is written, and the texts in progress.
	p.Memory = p.DuplicatesMemory + 2*float64(o.shardTokens())*10 + float64(len(sets)*(p.Threads+2)*batchBytes*8) + 100<<20
	p.Seconds = read / max(p.Speed, 1)
}

// taken is how many tokens each set gives.
func (p *Plan) taken(o *PrepareOptions, sets []*set) []float64 {
	passes := float64(max(o.Passes, 1))
	total, sum := 0.0, 0.0
	for i, s := range sets {
		total, sum = total+p.Sets[i].Tokens, sum+s.info.Weight
	}
	p.Ends = "all sets are read whole"
	if o.weighted() {
		total = math.Inf(1)
		for i, s := range sets {
			if most := p.Sets[i].Tokens * passes / (s.info.Weight / sum); most < total {
				total, p.Ends = most, "it ends when "+s.info.Name+" is used up"
			}
		}
	}
	share := 1.0
	if most := float64(o.Tokens); o.Tokens > 0 && most < total {
		share, p.Ends = most/total, "it ends with the tokens that are asked for"
	}
	taken := make([]float64, len(sets))
	for i, s := range sets {
		if taken[i] = p.Sets[i].Tokens * share; o.weighted() {
			taken[i] = total * share * s.info.Weight / sum
		}
	}
	return taken
}
