package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"trit/data/dedup"
	"trit/data/filter"
	"trit/data/source"
	"trit/internal/atomicfile"
	"trit/internal/parallel"
	"trit/setting"
)

// maxSets bounds the sets of a preparation: a log has a byte for their number.
const maxSets = 255

// preparation makes shards of the texts of sets.
type preparation struct {
	o              *PrepareOptions
	dir            string
	options        string
	m              *Manifest
	mix            mix
	train, heldout *splitWriter
	seen           *seenLog // nil: duplicates are kept
	shards         *growing // what was made
	filter         *filter.Filter
	pool           *parallel.Pool
	rows, tokens   int64
}

// prepareTexts is Prepare of sets that were found.
func (o *PrepareOptions) prepareTexts(ctx context.Context, sets []*set) (_ *Manifest, err error) {
	f, err := filter.New(o.Filters)
	if err != nil {
		return nil, err
	}
	dir := workFolder(o.Out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	release, free := atomicfile.Lock(dir)
	if !free {
		return nil, setting.Needs("data.PrepareOptions.Out", fmt.Sprintf("another process works in %s", dir),
			"wait for it, or name another folder")
	}
	defer release()
	p := &preparation{o: o, dir: dir, filter: f, pool: parallel.New(o.Threads), mix: mix{
		sets: sets, weighted: o.weighted(), passes: max(o.Passes, 1), tokens: o.Tokens,
	}}
	if err := p.make(ctx); err != nil {
		if !Unfinished(o.Out) {
			os.RemoveAll(dir)
		}
		return nil, err
	}
	return OpenManifest(o.Out)
}

// make makes the data set, from where the journal says on.
func (p *preparation) make(ctx context.Context) error {
	p.m = p.o.newManifest()
	p.train = newSplitWriter(p.dir, Train, p.o.shardTokens(), p.m)
	p.heldout = newSplitWriter(p.dir, Heldout, p.o.shardTokens(), p.m)
	defer p.close()
	if err := p.begin(); err != nil {
		return err
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	if p.seen != nil {
		p.m.FalseRate = p.seen.seen.FalseRate()
	}
	if err := errors.Join(p.train.flush(), p.heldout.flush()); err != nil {
		return err
	}
	if err := p.o.finish(p.dir, p.m); err != nil {
		return err
	}
	if err := p.removeState(); err != nil {
		return err
	}
	return moveFolder(p.dir, filepath.Clean(p.o.Out))
}

func (p *preparation) close() {
	for _, s := range p.mix.sets {
		s.close()
	}
	p.train.partial.close()
	p.heldout.partial.close()
	p.shards.close()
	if p.seen != nil {
		p.seen.log.close()
	}
}

// begin takes up the journal, or begins anew.
func (p *preparation) begin() error {
	p.m.Duplicates, p.m.Filters, p.m.NoColumns = p.o.Duplicates, p.o.Filters, p.filter.Lacks(source.Row{})
	once := false
	for _, s := range p.mix.sets {
		p.m.Files, p.m.Sets = append(p.m.Files, s.info.Files...), append(p.m.Sets, s.info)
		once = once || s.texts.Once()
	}
	if err := p.o.tokenizerSum(p.m); err != nil {
		return err
	}
	if !once {
		p.options = p.o.optionsHash(p.mix.sets, p.m.TokenizerSHA256)
		j, err := readJournal(p.dir)
		if err != nil {
			return err
		}
		if j != nil {
			return p.resume(j)
		}
	}
	if err := emptyFolder(p.dir); err != nil {
		return err
	}
	if err := p.o.writeTokenizer(p.dir, p.m); err != nil {
		return err
	}
	return p.openLogs(&journal{})
}

// openLogs opens what grows from one journal to the next.
func (p *preparation) openLogs(j *journal) (err error) {
	if p.shards, err = openGrowing(filepath.Join(p.dir, shardsName), j.Shards); err != nil {
		return err
	}
	p.seen, err = openSeen(p.dir, p.o, p.mix.sets, j.Seen)
	return err
}

// run reads text after text, until the mix has enough.
func (p *preparation) run(ctx context.Context) error {
	for s := p.mix.next(); s != nil; s = p.mix.next() {
		if s.next == nil {
			if s.info.UsedUp {
				s.info.UsedUp, s.info.Passes, *s.place = false, s.info.Passes+1, place{}
			}
			s.open(ctx, p.o, p.filter, p.pool)
		}
		e, err := s.take()
		if errors.Is(err, io.EOF) {
			p.passEnded(s, s.texts.Counts())
			s.info.UsedUp = true
			s.close()
			if p.mix.weighted && s.info.Tokens == 0 {
				return p.m.noTokens(s.info)
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := p.add(s, e); err != nil {
			return err
		}
	}
	for _, s := range p.mix.sets {
		if !s.info.UsedUp {
			p.passEnded(s, s.At.Counts)
		}
	}
	return nil
}

// passEnded counts what was left out in the first pass.
func (p *preparation) passEnded(s *set, counts source.Counts) {
	if s.info.Passes == 1 {
		p.m.note(s.texts, counts)
		s.info.Divisions = s.texts.Divided()
	}
}

// add writes a text, or counts why it is left out.
func (p *preparation) add(s *set, e entry) error {
	p.m.NoColumns = slices.DeleteFunc(p.m.NoColumns, func(c string) bool { return !slices.Contains(e.lacks, c) })
	if err := p.lookUp(s, &e); err != nil {
		return err
	}
	w := p.train
	if e.heldout {
		w = p.heldout
	}
	if e.left == repeatedHeldout {
		s.info.leave(e.left, e.bytes)
		return nil
	}
	shards := len(w.info.Shards)
	n, err := w.add(p.m, e)
	if err != nil {
		return err
	}
	if e.left != "" {
		s.info.leave(e.left, e.bytes)
	} else {
		s.info.Written.add(e.bytes)
		s.info.Tokens += n
	}
	p.progress(n)
	if len(w.info.Shards) > shards && p.options != "" {
		return p.checkpoint(w)
	}
	return nil
}

// progressRows is how many texts lie between two calls of Progress.
const progressRows = 100

func (p *preparation) progress(tokens int64) {
	p.rows, p.tokens = p.rows+1, p.tokens+tokens
	if p.o.Progress != nil && p.rows%progressRows == 0 {
		p.o.Progress(p.rows, p.tokens)
	}
}

// lookUp marks a duplicate, and a held-out text that is in its split already. A later pass keeps what the
// first has kept.
func (p *preparation) lookUp(s *set, e *entry) error {
	repeated := s.info.Passes > 1
	if e.left == "" && p.seen != nil {
		n := s.Checked
		s.Checked++
		verdict := dedup.SameText
		switch {
		case repeated && s.first.has(n):
			verdict = dedup.New
		case !repeated:
			var err error
			if verdict, err = p.seen.check(p.number(s), e.keys); err != nil {
				return err
			}
			s.first.set(n, verdict == dedup.New)
		}
		if verdict != dedup.New {
			e.left, e.documents = string(verdict), nil
		}
	}
	if e.left == "" && repeated && e.heldout {
		e.left, e.documents = repeatedHeldout, nil
	}
	return nil
}

func (p *preparation) number(s *set) int {
	for i := range p.mix.sets {
		if p.mix.sets[i] == s {
			return i
		}
	}
	return -1
}

// emptyFolder removes what a process left that was killed before its first shard.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
