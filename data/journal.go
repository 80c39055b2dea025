package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"trit/data/source"
	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/setting"
)

// What lies in the folder of a preparation beside what it makes. The journal is replaced after each shard, when all
// that it names is on the disk: it says how much of the other files counts, which only grow. So a shard costs the bytes
// of what is new alone, however many there are. What came later than the journal is made again.
const (
	journalName = "journal.json"
	shardsName  = "shards.jsonl"
	seenName    = "seen.keys"
)

// journal is a state of a preparation.
type journal struct {
	Options  string           `json:"options"`  // a hash of what decides the shards
	Manifest *Manifest        `json:"manifest"` // without files and shards
	Places   []*place         `json:"places"`   // of the sets
	Shards   int64            `json:"shards"`   // bytes of shards.jsonl
	Seen     int64            `json:"seen"`     // bytes of seen.keys
	Partial  map[string]int64 `json:"partial"`  // split -> bytes of the file of its partial shard
}

// madeShard is a line of shards.jsonl.
type madeShard struct {
	Split string `json:"split"`
	ShardInfo
}

func journalError(path, field, found string, args ...any) error {
	return &source.FormatError{Path: path, Field: field, Found: fmt.Sprintf(found, args...),
		Hint: "remove its folder to begin anew"}
}

// readJournal returns the journal in dir, nil if there is none.
func readJournal(dir string) (*journal, error) {
	path := filepath.Join(dir, journalName)
	raw, err := atomicfile.Read(path, maxManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseJournal(path, raw)
}

func parseJournal(path string, raw []byte) (*journal, error) {
	j := &journal{Manifest: &Manifest{BOS: -1, EOS: -1}}
	if err := jsonfile.DecodeStrict(raw, j); err != nil {
		return nil, journalError(path, "JSON", "%v", err)
	}
	return j, j.check(path)
}

// check refuses what no preparation has written.
func (j *journal) check(path string) error {
	m := j.Manifest
	if m == nil {
		return journalError(path, "manifest", "there is none")
	}
	if err := m.check(path); err != nil {
		return journalError(path, "manifest", "%v", err)
	}
	if len(j.Places) == 0 || len(j.Places) != len(m.Sets) {
		return journalError(path, "places", "there is not one for each set")
	}
	for i, at := range j.Places {
		if at == nil || at.At.File < 0 || at.At.File > math.MaxInt32 || at.At.Row < 0 || at.Checked < 0 {
			return journalError(path, "places", "that of set %d is none in a file", i)
		}
	}
	if len(m.Train.Shards)+len(m.Heldout.Shards)+len(m.Files) > 0 {
		return journalError(path, "manifest", "it has shards or files: they lie in %s", shardsName)
	}
	if j.Shards < 0 || j.Seen < 0 || j.Partial[Train] < 0 || j.Partial[Heldout] < 0 {
		return journalError(path, "sizes", "one is below 0")
	}
	return nil
}

// matches refuses the journal of other options.
func (j *journal) matches(dir, options string) error {
	if j.Options == options {
		return nil
	}
	return setting.Needs("data.PrepareOptions.Out", fmt.Sprintf("%s was begun with other options or files", dir),
		"give the same ones to go on, or remove that folder to begin anew")
}

// checkpoint writes the journal, after all that it names. The shard is the last of w.
func (p *preparation) checkpoint(w *splitWriter) error {
	line, err := json.Marshal(madeShard{w.name, w.info.Shards[len(w.info.Shards)-1]})
	if err != nil {
		return err
	}
	j := &journal{Options: p.options, Manifest: p.withoutFiles(), Partial: map[string]int64{}}
	for _, s := range p.mix.sets {
		j.Places = append(j.Places, s.place)
	}
	for _, w := range []*splitWriter{p.train, p.heldout} {
		if j.Partial[w.name], err = w.save(); err != nil {
			return err
		}
	}
	if err := errors.Join(p.shards.add(append(line, '\n')), p.shards.sync(), p.seen.sync()); err != nil {
		return err
	}
	j.Shards, j.Seen = p.shards.size, p.seen.size()
	raw, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(p.dir, journalName), raw); err != nil {
		return err
	}
	return removePartials(p.dir, p.train.partial, p.heldout.partial)
}

// withoutFiles is the manifest without its lists.
func (p *preparation) withoutFiles() *Manifest {
	m := *p.m
	m.Files, m.Sets, m.Train.Shards, m.Heldout.Shards = nil, nil, nil, nil
	for _, s := range p.m.Sets {
		info := *s
		info.Files = nil
		m.Sets = append(m.Sets, &info)
	}
	return &m
}

// resume takes up a journal.
func (p *preparation) resume(j *journal) error {
	if err := j.matches(p.dir, p.options); err != nil {
		return err
	}
	if len(j.Places) != len(p.mix.sets) {
		return journalError(p.dir, "places", "%d for %d sets", len(j.Places), len(p.mix.sets))
	}
	atomicfile.RemoveStaleIn(p.dir) // a shard that was being written
	p.take(j)
	if err := p.openLogs(j); err != nil {
		return err
	}
	if err := p.readShards(); err != nil {
		return err
	}
	for _, w := range []*splitWriter{p.train, p.heldout} {
		if err := w.restore(j.Partial[w.name]); err != nil {
			return err
		}
	}
	if p.o.Notice != nil {
		p.o.Notice(fmt.Sprintf("going on after %d documents, %d tokens", p.rows, p.tokens))
	}
	return removePartials(p.dir, p.train.partial, p.heldout.partial)
}

// take takes the counts of a journal.
func (p *preparation) take(j *journal) {
	files := p.m.Files
	*p.m = *j.Manifest
	p.m.Files = files
	for _, split := range []*SplitInfo{&p.m.Train, &p.m.Heldout} { // shards count anew
		split.Documents, split.Tokens, split.Bytes = 0, 0, 0
	}
	for i, s := range p.mix.sets {
		p.m.Sets[i].Files = s.info.Files
		s.place, s.info = j.Places[i], p.m.Sets[i]
		p.rows += s.info.Read.Documents
		p.tokens += s.info.Tokens
	}
}

// readShards takes up the shards that were made, which must be what they were.
func (p *preparation) readShards() error {
	dec := json.NewDecoder(p.shards.reader())
	dec.DisallowUnknownFields()
	for dec.More() {
		var s madeShard
		if err := dec.Decode(&s); err != nil {
			return journalError(p.shards.path, "JSON", "%v", err)
		}
		w := p.train
		if s.Split == Heldout {
			w = p.heldout
		}
		if s.Split != w.name || s.File != w.shardName() {
			return journalError(p.shards.path, "file", "%q of %q: want %s", s.File, s.Split, w.shardName())
		}
		if err := checkSum(filepath.Join(p.dir, s.File), s.SHA256, shardsName, journalError); err != nil {
			return err
		}
		w.note(s.ShardInfo)
	}
	return nil
}

// removeState removes what a finished data set does not need.
func (p *preparation) removeState() error {
	err := removePartials(p.dir)
	for _, name := range []string{journalName, shardsName, seenName} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(p.dir, name)))
	}
	return err
}
