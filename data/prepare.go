package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"trit/internal/atomicfile"
)

// DefaultShardTokens is the size of a shard, in tokens, where none is given.
const DefaultShardTokens = 1 << 24

// Tokenizer is what preparing needs of *tokenizer.Tokenizer. It is used from several
// goroutines at once.
type Tokenizer interface {
	EncodeOrdinary(text string) []int32
	BOS() int32 // -1: none
	EOS() int32 // -1: none
	VocabSize() int
	Files() (map[string][]byte, error)
}

// PrepareOptions says what Prepare reads and writes.
type PrepareOptions struct {
	Files       []string  // parquet files
	Column      string    // their text column
	Tokenizer   Tokenizer // special tokens in the texts are read as plain text
	Holdout     float64   // share of the documents to hold out, 0 <= Holdout < 1
	Seed        uint64    // of the choice of held-out documents
	Out         string    // folder to make; it must not exist, or be empty
	ShardTokens int       // a shard is closed when it has as many; 0: DefaultShardTokens

	Progress func(rows, tokens int64) // called now and then; may be nil
}

// Prepare tokenises the texts into shards and writes them with dataset.json and the
// tokenizer's files into the folder Out, which appears whole or not at all.
//
// A document is held out by a hash of the seed and its text: the choice does not
// depend on the order of the files, and copies of a text never stand in both splits.
// Empty documents are left out.
func Prepare(ctx context.Context, o PrepareOptions) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	out := filepath.Clean(o.Out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, err
	}
	work, release, err := atomicfile.TempDir(out)
	if err != nil {
		return nil, err
	}
	defer release()
	defer os.RemoveAll(work) // finds nothing when the folder was renamed
	if err := o.fill(ctx, work); err != nil {
		return nil, err
	}
	if err := moveFolder(work, out); err != nil {
		return nil, err
	}
	return OpenManifest(out)
}

func (o *PrepareOptions) check() error {
	switch {
	case len(o.Files) == 0:
		return errors.New("prepare: no parquet files given")
	case o.Tokenizer == nil:
		return errors.New("prepare: no tokenizer given")
	case o.Out == "":
		return errors.New("prepare: no output folder given")
	case !(o.Holdout >= 0 && o.Holdout < 1):
		return fmt.Errorf("prepare: holdout is %v, expected a share from 0 to below 1, such as 0.05", o.Holdout)
	case o.ShardTokens < 0:
		return fmt.Errorf("prepare: shard tokens is %d, expected 0 or more", o.ShardTokens)
	case o.Tokenizer.VocabSize() < 1 || o.Tokenizer.VocabSize() > maxVocabulary:
		return fmt.Errorf("prepare: the tokenizer has %d tokens, expected 1 to %d", o.Tokenizer.VocabSize(), maxVocabulary)
	}
	entries, err := os.ReadDir(o.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("prepare: output folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("prepare: %s already holds %s; give a new folder or empty this one", o.Out, entries[0].Name())
	}
	return nil
}

// fill writes the whole data set into dir.
func (o *PrepareOptions) fill(ctx context.Context, dir string) error {
	m := Manifest{
		Format: manifestFormat, Version: manifestVersion,
		VocabSize: o.Tokenizer.VocabSize(), BOS: o.Tokenizer.BOS(), EOS: o.Tokenizer.EOS(),
		Column: o.Column, Holdout: o.Holdout, Seed: o.Seed,
	}
	for _, path := range o.Files {
		m.Files = append(m.Files, filepath.Base(path))
	}
	if err := o.writeTokenizer(dir, &m); err != nil {
		return err
	}
	if err := o.writeShards(ctx, dir, &m); err != nil {
		return err
	}
	if err := o.checkSplits(&m); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, ManifestName), append(raw, '\n'))
}

func (o *PrepareOptions) writeTokenizer(dir string, m *Manifest) error {
	files, err := o.Tokenizer.Files()
	if err != nil {
		return fmt.Errorf("prepare: tokenizer: %w", err)
	}
	m.TokenizerSHA256 = hexSHA256(files["tokenizer.json"])
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

func (o *PrepareOptions) writeShards(ctx context.Context, dir string, m *Manifest) error {
	limit := o.ShardTokens
	if limit == 0 {
		limit = DefaultShardTokens
	}
	train := &splitWriter{dir: dir, name: Train, limit: limit, info: &m.Train, shard: newShardBuilder(m.VocabSize)}
	heldout := &splitWriter{dir: dir, name: Heldout, limit: limit, info: &m.Heldout, shard: newShardBuilder(m.VocabSize)}
	var rows, tokens int64
	for batch, err := range encodeInOrder(ctx, ReadColumn(ctx, o.Files, o.Column), o.encode) {
		if err != nil {
			return err
		}
		for _, d := range batch {
			w := train
			if d.heldout {
				w = heldout
			}
			if err := w.add(d); err != nil {
				return err
			}
			tokens += int64(len(d.ids))
		}
		rows += int64(len(batch))
		if o.Progress != nil {
			o.Progress(rows, tokens)
		}
	}
	return errors.Join(train.flush(), heldout.flush())
}

func (o *PrepareOptions) encode(text string) document {
	return document{o.Tokenizer.EncodeOrdinary(text), int64(len(text)), heldOut(text, o.Seed, o.Holdout)}
}

func (o *PrepareOptions) checkSplits(m *Manifest) error {
	if m.Train.Documents == 0 {
		return fmt.Errorf("prepare: no documents to train on: column %q of %s has no text, or holdout %v takes all of it", o.Column, o.Files[0], o.Holdout)
	}
	if o.Holdout > 0 && m.Heldout.Documents == 0 {
		return fmt.Errorf("prepare: none of the %d documents was held out by a share of %v; raise it, or set it to 0", m.Train.Documents, o.Holdout)
	}
	return nil
}

// heldOut draws a share of all texts by a hash of the seed and the text.
func heldOut(text string, seed uint64, share float64) bool {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte(text))
	draw := binary.LittleEndian.Uint64(h.Sum(nil)) >> 11
	return float64(draw)/(1<<53) < share
}

// moveFolder renames work to out, which may exist if it is empty.
func moveFolder(work, out string) error {
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(work); err != nil {
		return err
	}
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(work, out); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(out))
}

// splitWriter writes the shards of one split.
type splitWriter struct {
	dir, name string
	limit     int
	info      *SplitInfo
	shard     *shardBuilder
}

func (w *splitWriter) add(d document) error {
	if len(d.ids) == 0 {
		return nil
	}
	for _, id := range d.ids {
		if id < 0 || int(id) >= w.shard.vocabulary {
			return fmt.Errorf("prepare: the tokenizer gave id %d, its vocabulary has %d", id, w.shard.vocabulary)
		}
	}
	w.shard.add(d.ids, d.bytes)
	if len(w.shard.ids) < w.limit {
		return nil
	}
	return w.flush()
}

func (w *splitWriter) flush() error {
	b := w.shard
	if len(b.bytes) == 0 {
		return nil
	}
	w.shard = newShardBuilder(b.vocabulary)
	raw := b.encode()
	info := ShardInfo{
		File: fmt.Sprintf("%s-%05d.tokens", w.name, len(w.info.Shards)),
		Size: int64(len(raw)), SHA256: hexSHA256(raw),
		Documents: int64(len(b.bytes)), Tokens: int64(len(b.ids)), Bytes: b.textBytes(),
	}
	w.info.Shards = append(w.info.Shards, info)
	w.info.Documents += info.Documents
	w.info.Tokens += info.Tokens
	w.info.Bytes += info.Bytes
	return atomicfile.WriteBytes(filepath.Join(w.dir, info.File), raw)
}
