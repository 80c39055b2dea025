package data

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"

	"trit/data/conversation"
	"trit/data/dedup"
	"trit/data/filter"
	"trit/data/source"
	"trit/internal/atomicfile"
	"trit/internal/parallel"
	"trit/setting"
)

// DefaultShardTokens is the default of PrepareOptions.ShardTokens.
const DefaultShardTokens = 1 << 24

// Tokenizer is what Prepare needs of *tokenizer.Tokenizer. It is used from several goroutines
// at once.
type Tokenizer interface {
	EncodeOrdinary(text string) []int32
	BOS() int32 // -1: none
	EOS() int32 // -1: none
	VocabSize() int
	Files() (map[string][]byte, error)
}

// PrepareOptions say what Prepare reads and writes.
type PrepareOptions struct {
	Kind  Kind     // what is made of the texts; Texts: documents
	Files []string // files, folders and patterns; see source.Options
	// those of Files that lie elsewhere; see source.Options
	Remote    map[string]source.Remote
	Column    string    // the parquet column or field of JSON lines with the text; see also conversation.Options
	Documents string    // how plain text is divided; see source.Options
	Stdin     io.Reader // what the file "-" stands for; may be nil
	Tokenizer Tokenizer // special tokens in the texts are taken for plain text
	// several sources of texts, instead of Files
	Sets []Set
	// of texts: how often a set may be read; 0: once
	Passes int
	// of texts: enough of them; 0: all
	Tokens int64
	// of texts: which are taken
	Filters filter.Options
	// of texts: which are left out; "": none
	Duplicates dedup.Mode
	// of the filter of duplicates, in bytes; 0: dedup.DefaultMemory
	Memory      int64
	Holdout     float64 // share of the documents to hold out, 0 <= Holdout < 1
	Seed        uint64  // of the choice of held-out documents
	Out         string  // folder to make; it must not exist, or be empty
	ShardTokens int     // a shard ends with the document that reaches it; 0: DefaultShardTokens
	Threads     int     // that encode texts; 0: one for each processor

	// Of conversations and pairs, which need a Tokenizer of package tokenizer:
	Form    conversation.Form // how rows hold conversations; "": as the fields of the first row say
	Length  int               // most tokens of a conversation; 0: any
	TooLong TooLong           // what becomes of longer ones, here and in a Loader; "": Cut

	Progress func(rows, tokens int64) // called after each batch of documents; may be nil
	Notice   func(line string)        // takes a line for the user; may be nil
}

// Prepare tokenises the texts into shards and writes them with dataset.json and the
// tokenizer's files into the folder Out, which appears whole or not at all.
//
// A hash of the seed and a document's text decides whether the document is held out. So the
// choice does not depend on the order of the files, and no text is in both splits. Rows without
// a text and empty documents are left out; the manifest counts them.
//
// Texts that lie in files are prepared in a folder beside Out. If that is left by a process that was
// killed, the same options go on there after its last shard, and make the same shards.
func Prepare(ctx context.Context, o PrepareOptions) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Kind == Texts {
		sets, err := o.openSets()
		if err != nil {
			return nil, err
		}
		return o.prepareTexts(ctx, sets)
	}
	column := o.Column
	if column == "" {
		column = source.PlainField
	}
	texts, err := source.Open(source.Options{Paths: o.Files, Column: column, Documents: o.Documents, Stdin: o.Stdin,
		Remote: o.Remote})
	if err != nil {
		return nil, err
	}
	return o.prepare(ctx, texts)
}

// prepare is Prepare of texts that were found.
func (o *PrepareOptions) prepare(ctx context.Context, texts *source.Texts) (*Manifest, error) {
	if err := makeFolder(o.Out, func(dir string) error { return o.fill(ctx, texts, dir) }); err != nil {
		return nil, err
	}
	return OpenManifest(o.Out)
}

func (o *PrepareOptions) check() error {
	bad := func(field, found, wanted string) error {
		return &setting.Error{Field: "data.PrepareOptions." + field, Found: found, Wanted: wanted}
	}
	switch {
	case len(o.Files) == 0 && len(o.Sets) == 0:
		return bad("Files", "empty", "files of text")
	case o.Tokenizer == nil:
		return bad("Tokenizer", "nil", "a tokenizer")
	case o.Out == "":
		return bad("Out", "empty", "a folder")
	case o.ShardTokens < 0:
		return bad("ShardTokens", strconv.Itoa(o.ShardTokens), "0 or more")
	case o.Tokenizer.VocabSize() < 1 || o.Tokenizer.VocabSize() > maxVocabulary:
		found, wanted := fmt.Sprintf("one of %d tokens", o.Tokenizer.VocabSize()), fmt.Sprintf("1 to %d", maxVocabulary)
		return bad("Tokenizer", found, wanted)
	}
	if err := errors.Join(checkHoldout(o.Holdout), o.checkKind(), o.checkSets()); err != nil {
		return err
	}
	return checkFree("data.PrepareOptions.Out", o.Out)
}

func checkHoldout(share float64) error {
	if share >= 0 && share < 1 {
		return nil
	}
	return &setting.Error{
		Field: "data.PrepareOptions.Holdout", Found: fmt.Sprint(share), Wanted: "a share from 0 to below 1, such as 0.05",
	}
}

// fill writes the whole data set into dir.
func (o *PrepareOptions) fill(ctx context.Context, texts *source.Texts, dir string) error {
	m := o.newManifest()
	for _, path := range texts.Files() {
		m.Files = append(m.Files, filepath.Base(path))
	}
	if err := o.writeTokenizer(dir, m); err != nil {
		return err
	}
	if err := o.writeShards(ctx, texts, dir, m); err != nil {
		return err
	}
	return o.finish(dir, m)
}

func (o *PrepareOptions) newManifest() *Manifest {
	return &Manifest{
		Format: manifestFormat, Version: manifestVersion,
		VocabSize: o.Tokenizer.VocabSize(), BOS: o.Tokenizer.BOS(), EOS: o.Tokenizer.EOS(),
		Kind: o.Kind, Column: o.Column, Holdout: o.Holdout, Seed: o.Seed,
	}
}

// finish writes the manifest.
func (o *PrepareOptions) finish(dir string, m *Manifest) error {
	if err := o.checkSplits(m); err != nil {
		return err
	}
	m.Order = orderOf(m.Train.Documents)
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, ManifestName), append(raw, '\n'))
}

func (o *PrepareOptions) tokenizerSum(m *Manifest) error {
	files, err := o.Tokenizer.Files()
	m.TokenizerSHA256 = hexSHA256(files[tokenizerName])
	return err
}

func (o *PrepareOptions) writeTokenizer(dir string, m *Manifest) error {
	files, err := o.Tokenizer.Files()
	if err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	m.TokenizerSHA256 = hexSHA256(files[tokenizerName])
	return writeFiles(dir, files)
}

func (o *PrepareOptions) writeShards(ctx context.Context, texts *source.Texts, dir string, m *Manifest) error {
	train, heldout := newSplitWriter(dir, Train, o.shardTokens(), m), newSplitWriter(dir, Heldout, o.shardTokens(), m)
	entries, err := o.entries(ctx, texts, m)
	if err != nil {
		return err
	}
	var rows, tokens int64
	for batch, err := range entries {
		if err != nil {
			return err
		}
		for _, e := range batch {
			w := train
			if e.heldout {
				w = heldout
			}
			n, err := w.add(m, e)
			if err != nil {
				return err
			}
			tokens += n
		}
		rows += int64(len(batch))
		if o.Progress != nil {
			o.Progress(rows, tokens)
		}
	}
	m.note(texts, texts.Counts())
	return errors.Join(train.flush(), heldout.flush())
}

func (o *PrepareOptions) shardTokens() int {
	if o.ShardTokens == 0 {
		return DefaultShardTokens
	}
	return o.ShardTokens
}

// entries encodes the rows with conversations.
func (o *PrepareOptions) entries(
	ctx context.Context, texts *source.Texts, m *Manifest,
) (iter.Seq2[[]entry, error], error) {
	maker, err := newChatMaker(o, m)
	if err != nil {
		return nil, err
	}
	rows := maker.rows(texts.Rows(ctx))
	return encodeInOrder(ctx, parallel.New(o.Threads), rows, func(r source.Row) int { return r.Size() }, maker.encode), nil
}

func (o *PrepareOptions) encode(text string) entry {
	ids := o.Tokenizer.EncodeOrdinary(text)
	if len(ids) == 0 {
		return entry{left: emptyRow}
	}
	return entry{documents: []document{{ids: ids, bytes: int64(len(text))}}, heldout: heldOut(text, o.Seed, o.Holdout)}
}

func (o *PrepareOptions) checkSplits(m *Manifest) error {
	if m.Train.Documents == 0 {
		return &setting.Error{
			Field:   "data.PrepareOptions.Holdout",
			Problem: fmt.Sprintf("%s leaves no document to train on%s", o.firstFile(), m.skipped()),
			Remedy:  "give more texts" + o.inColumn() + o.orElse(),
		}
	}
	if o.Holdout > 0 && m.Heldout.Documents == 0 {
		return &setting.Error{
			Field:   "data.PrepareOptions.Holdout",
			Problem: fmt.Sprintf("none of the %d documents was held out by a share of %v", m.Train.Documents, o.Holdout),
			Remedy:  "raise {data.PrepareOptions.Holdout}, or set it to 0",
		}
	}
	return nil
}

// orElse says what else may leave documents.
func (o *PrepareOptions) orElse() string {
	switch {
	case o.Filters.Any():
		return ", or filter fewer of them"
	case o.Holdout > 0:
		return fmt.Sprintf(", or lower {data.PrepareOptions.Holdout} from %v", o.Holdout)
	}
	return ""
}

// firstFile is a name for what is read.
func (o *PrepareOptions) firstFile() string {
	if len(o.Sets) > 0 {
		return "set " + o.Sets[0].Name
	}
	return o.Files[0]
}

// inColumn says where the texts are that firstFile names.
func (o *PrepareOptions) inColumn() string {
	column := o.Column
	if len(o.Sets) > 0 {
		column = cmp.Or(o.Sets[0].Column, column)
	}
	if column == "" {
		return ""
	}
	return fmt.Sprintf(" (the column is %q)", column)
}

// heldOut reports whether a text belongs to the share of all texts that is held out.
func heldOut(text string, seed uint64, share float64) bool {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte(text))
	draw := binary.LittleEndian.Uint64(h.Sum(nil)) >> 11
	return float64(draw)/(1<<53) < share
}

// moveFolder renames work to out, which may exist if it is empty, and syncs both.
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
	partial   *growing // the documents of the shard that were saved; nil: none were
	saved     int      // their number
}

func newSplitWriter(dir, name string, limit int, m *Manifest) *splitWriter {
	info := &m.Train
	if name == Heldout {
		info = &m.Heldout
	}
	shard := newShardBuilder(m.VocabSize, m.Kind != Texts)
	return &splitWriter{dir: dir, name: name, limit: limit, info: info, shard: shard}
}

// add writes what a row became, or counts in m why it is left out. It returns the number of tokens.
func (w *splitWriter) add(m *Manifest, e entry) (tokens int64, err error) {
	if e.err != nil {
		return 0, e.err
	}
	m.count(e)
	for _, d := range e.documents {
		for _, id := range d.ids {
			if id < 0 || int(id) >= w.shard.vocabulary {
				return 0, fmt.Errorf("the tokenizer encodes to id %d: its vocabulary has %d tokens", id, w.shard.vocabulary)
			}
		}
		w.shard.add(d.ids, d.learn, d.bytes)
		w.info.note(d)
		tokens += int64(len(d.ids))
	}
	if len(w.shard.ids) < w.limit {
		return tokens, nil
	}
	return tokens, w.flush()
}

func (w *splitWriter) flush() error {
	b := w.shard
	if len(b.bytes) == 0 {
		return nil
	}
	raw := b.encode()
	info := ShardInfo{
		File: w.shardName(),
		Size: int64(len(raw)), SHA256: hexSHA256(raw),
		Documents: int64(len(b.bytes)), Tokens: int64(len(b.ids)), Bytes: b.textBytes(),
	}
	if err := atomicfile.WriteBytes(filepath.Join(w.dir, info.File), raw); err != nil {
		return err
	}
	w.note(info)
	w.partial.close()
	w.partial, w.saved = nil, 0
	b.reset()
	return nil
}

// shardName is the name of the next shard.
func (w *splitWriter) shardName() string {
	return fmt.Sprintf("%s-%05d.tokens", w.name, len(w.info.Shards))
}

// note adds a shard that was written.
func (w *splitWriter) note(info ShardInfo) {
	w.info.Shards = append(w.info.Shards, info)
	w.info.Documents += info.Documents
	w.info.Tokens += info.Tokens
	w.info.Bytes += info.Bytes
}
