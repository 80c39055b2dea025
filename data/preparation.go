package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
		if _, noJournal := os.Stat(filepath.Join(dir, journalName)); noJournal != nil {
			os.RemoveAll(dir)
		}
		return nil, err
	}
	return OpenManifest(o.Out)
}

// make makes the data set, from where the journal says on.
func (p *preparation) make(ctx context.Context) error {
	if err := p.begin(); err != nil {
		return err
	}
	defer func() {
		for _, s := range p.mix.sets {
			s.close()
		}
		if p.seen != nil {
			p.seen.file.Close()
		}
	}()
	if err := p.run(ctx); err != nil {
		return err
	}
	if p.seen != nil {
		p.m.FalseRate = p.seen.seen.FalseRate()
	}
	if err := errors.Join(p.train.flush(), p.heldout.flush(), removePartials(p.dir, nil)); err != nil {
		return err
	}
	if err := p.o.finish(p.dir, p.m); err != nil {
		return err
	}
	for _, name := range []string{seenName, journalName} {
		if err := os.RemoveAll(filepath.Join(p.dir, name)); err != nil {
			return err
		}
	}
	return moveFolder(p.dir, filepath.Clean(p.o.Out))
}

// begin takes up the journal, or begins anew.
func (p *preparation) begin() error {
	p.m = p.o.newManifest()
	p.m.Duplicates, p.m.Filters = p.o.Duplicates, p.o.Filters
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
	return p.ready(0)
}

// ready makes the writers, and the filter of duplicates.
func (p *preparation) ready(seen int64) (err error) {
	p.train = newSplitWriter(p.dir, Train, p.o.shardTokens(), p.m)
	p.heldout = newSplitWriter(p.dir, Heldout, p.o.shardTokens(), p.m)
	p.seen, err = openSeen(p.dir, p.o, p.mix.sets, seen)
	return err
}

// resume takes up a journal.
func (p *preparation) resume(j *journal) error {
	if err := j.matches(p.dir, p.options); err != nil {
		return err
	}
	if err := checkShards(p.dir, j.Manifest); err != nil {
		return err
	}
	p.m = j.Manifest
	for i, s := range p.mix.sets {
		s.place, s.info = j.Places[i], p.m.Sets[i]
		p.rows += s.info.Read.Documents
		p.tokens += s.info.Tokens
	}
	if err := p.ready(j.Seen); err != nil {
		return err
	}
	for _, w := range []*splitWriter{p.train, p.heldout} {
		if name := j.Partial[w.name]; name != "" {
			if err := w.restore(name); err != nil {
				return err
			}
		}
	}
	if p.o.Notice != nil {
		p.o.Notice(fmt.Sprintf("going on after %d documents, %d tokens", p.rows, p.tokens))
	}
	return removePartials(p.dir, j.Partial)
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
		return p.checkpoint()
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

// checkpoint writes the journal, after all that it names.
func (p *preparation) checkpoint() error {
	j := &journal{Options: p.options, Manifest: p.m, Partial: map[string]string{}}
	for _, s := range p.mix.sets {
		j.Places = append(j.Places, s.place)
	}
	for _, w := range []*splitWriter{p.train, p.heldout} {
		name, err := w.save(len(p.train.info.Shards) + len(p.heldout.info.Shards))
		if err != nil {
			return err
		}
		j.Partial[w.name] = name
	}
	if p.seen != nil {
		if err := p.seen.sync(); err != nil {
			return err
		}
		j.Seen = p.seen.size
	}
	raw, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(p.dir, journalName), raw); err != nil {
		return err
	}
	return removePartials(p.dir, j.Partial)
}

// save writes the documents of the next shard to a file, and returns its name, "" if there are none.
func (w *splitWriter) save(n int) (name string, err error) {
	if len(w.shard.bytes) == 0 {
		return "", nil
	}
	name = fmt.Sprintf("%s%s-%d", partialPrefix, w.name, n)
	return name, atomicfile.WriteBytes(filepath.Join(w.dir, name), w.shard.encode())
}

// restore takes up what save wrote.
func (w *splitWriter) restore(name string) error {
	path := filepath.Join(w.dir, filepath.Base(name))
	s, err := openShard(path)
	if err != nil {
		return err
	}
	defer s.close()
	for i := range s.documents {
		lo, hi, bytes := s.document(i)
		ids := make([]int32, hi-lo)
		for k := range ids {
			ids[k] = s.id(lo + k)
		}
		w.shard.add(ids, nil, bytes)
	}
	return nil
}

// emptyFolder removes what a process left that was killed before its first shard.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
