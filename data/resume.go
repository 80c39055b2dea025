package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"trit/data/dedup"
	"trit/data/filter"
	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/setting"
)

// What lies in the folder of a preparation beside what it makes. The journal is replaced after each
// shard, when all that it names is on the disk; what came later is made again.
const (
	journalName   = "journal.json"
	seenName      = "seen.keys"
	partialPrefix = "partial-"
)

// journal is a state of a preparation.
type journal struct {
	Options  string            `json:"options"` // a hash of what decides the shards
	Manifest *Manifest         `json:"manifest"`
	Places   []*place          `json:"places"`  // of the sets
	Seen     int64             `json:"seen"`    // bytes of seen.keys
	Partial  map[string]string `json:"partial"` // split -> file with the documents of the next shard
}

// workFolder is where a data set is made that gets the name out.
func workFolder(out string) string {
	out = filepath.Clean(out)
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".preparing")
}

// optionsHash stands for all that decides the shards.
func (o *PrepareOptions) optionsHash(sets []*set, tokenizer string) string {
	type files struct {
		Info         *SetInfo
		Sizes, Times []int64
	}
	all := struct {
		Sets                        []files
		Column, Documents, Tokens   string
		Holdout                     float64
		Seed                        uint64
		Shard, Passes, Most, Memory int64
		Filters                     filter.Options
		Duplicates                  dedup.Mode
	}{nil, o.Column, o.Documents, tokenizer, o.Holdout, o.Seed, int64(o.shardTokens()), int64(o.Passes), o.Tokens,
		o.Memory, o.Filters, o.Duplicates}
	for _, s := range sets {
		sizes, times := s.texts.Sizes()
		info := &SetInfo{Name: s.info.Name, Weight: s.info.Weight, Files: s.texts.Files()}
		all.Sets = append(all.Sets, files{info, sizes, times})
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err) // numbers and texts
	}
	return hexSHA256(raw)
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
	j := &journal{Manifest: &Manifest{BOS: -1, EOS: -1}}
	if err := jsonfile.DecodeStrict(raw, j); err != nil {
		return nil, shardError(path, "JSON", "%v", err)
	}
	if len(j.Places) == 0 || len(j.Places) != len(j.Manifest.Sets) {
		return nil, shardError(path, "places", "%d for %d sets", len(j.Places), len(j.Manifest.Sets))
	}
	return j, j.Manifest.check(path)
}

// matches refuses the journal of other options.
func (j *journal) matches(dir, options string) error {
	if j.Options == options {
		return nil
	}
	return setting.Needs("data.PrepareOptions.Out", fmt.Sprintf("%s was begun with other options or files", dir),
		"give the same ones to go on, or remove that folder to begin anew")
}

// kept is a set of numbers: the texts of a first pass that were no duplicates.
type kept struct{ bits []byte }

func (k *kept) set(i int64, yes bool) {
	for int64(len(k.bits)) <= i/8 {
		k.bits = append(k.bits, 0)
	}
	if yes {
		k.bits[i/8] |= 1 << (i % 8)
	}
}

func (k *kept) has(i int64) bool { return i/8 < int64(len(k.bits)) && k.bits[i/8]>>(i%8)&1 == 1 }

// seenLog remembers texts, and writes down what it remembers: for each text that was looked up the
// number of its set, whether it was new, and the keys of one that was.
type seenLog struct {
	seen  *dedup.Seen
	width int
	file  *os.File
	out   *bufio.Writer
	size  int64
}

// openSeen reads the first size bytes of a log, and goes on behind them.
func openSeen(dir string, o *PrepareOptions, sets []*set, size int64) (*seenLog, error) {
	width := o.Duplicates.Width()
	if width == 0 {
		return nil, nil
	}
	seen, err := dedup.NewSeen(o.Memory)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, seenName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	l := &seenLog{seen: seen, width: width, file: file, out: bufio.NewWriterSize(file, 1<<20), size: size}
	if err := l.replay(path, sets); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// replay takes up what the log says.
func (l *seenLog) replay(path string, sets []*set) error {
	in := bufio.NewReaderSize(io.LimitReader(l.file, l.size), 1<<20)
	counts := make([]int64, len(sets))
	for at := int64(0); at < l.size; {
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || int(head[0]) >= len(sets) || head[1] > 1 {
			return shardError(path, "entries", "it is damaged at byte %d", at)
		}
		at += 2
		sets[head[0]].first.set(counts[head[0]], head[1] == 1)
		counts[head[0]]++
		if head[1] == 0 {
			continue
		}
		keys := make([]uint64, l.width)
		if err := binary.Read(in, binary.LittleEndian, keys); err != nil {
			return shardError(path, "entries", "it is damaged at byte %d", at)
		}
		at += int64(8 * l.width)
		l.seen.Add(keys)
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

// check looks a text of set number i up.
func (l *seenLog) check(i int, keys []uint64) (dedup.Verdict, error) {
	verdict := l.seen.Check(keys)
	b := []byte{byte(i), 0}
	if verdict == dedup.New {
		b[1] = 1
		for _, k := range keys {
			b = binary.LittleEndian.AppendUint64(b, k)
		}
	}
	l.size += int64(len(b))
	_, err := l.out.Write(b)
	return verdict, err
}

func (l *seenLog) sync() error {
	if err := l.out.Flush(); err != nil {
		return err
	}
	return l.file.Sync()
}

// checkShards refuses shards that are not what the journal says.
func checkShards(dir string, m *Manifest) error {
	for _, s := range append(append([]ShardInfo{}, m.Train.Shards...), m.Heldout.Shards...) {
		path := filepath.Join(dir, s.File)
		sum, err := sumFile(path)
		if err != nil {
			return err
		}
		if sum != s.SHA256 {
			return shardError(path, "SHA-256", "%.12s: the journal states %.12s", sum, s.SHA256)
		}
	}
	return nil
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// removePartials removes files of partial shards, all but those to keep.
func removePartials(dir string, keep map[string]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		split, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), partialPrefix), "-")
		if strings.HasPrefix(e.Name(), partialPrefix) && keep[split] != e.Name() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
