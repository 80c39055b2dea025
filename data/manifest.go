package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/data/conversation"
	"trit/data/dedup"
	"trit/data/filter"
	"trit/data/source"
	"trit/internal/jsonfile"
	"trit/setting"
)

// ManifestName is the file of a data set's folder that describes it.
const ManifestName = "dataset.json"

// tokenizerName is the file beside it whose hash it states.
const tokenizerName = "tokenizer.json"

// The splits of a data set.
const (
	Train   = "train"
	Heldout = "heldout"
)

const (
	manifestFormat  = "trit-dataset"
	manifestVersion = 1

	// maxManifestSize bounds dataset.json, in bytes.
	maxManifestSize = 64 << 20
)

// Manifest describes a prepared data set. Its folder holds the tokenizer's files too, so that
// tokenizer.Load reads it.
type Manifest struct {
	Format          string   `json:"format"`
	Version         int      `json:"version"`
	Kind            Kind     `json:"kind,omitempty"`
	VocabSize       int      `json:"vocab_size"`
	BOS             int32    `json:"bos_token_id"` // -1: documents do not begin with one
	EOS             int32    `json:"eos_token_id"` // -1: documents do not end with one
	TokenizerSHA256 string   `json:"tokenizer_sha256"`
	Column          string   `json:"column"`
	Files           []string `json:"files"`
	Holdout         float64  `json:"holdout"`
	Seed            uint64   `json:"seed"`
	Documents       string   `json:"documents,omitempty"`    // how plain text was divided; "": there was none
	NullRows        int64    `json:"null_rows,omitempty"`    // rows without a text: they are in no split
	EmptyRows       int64    `json:"empty_rows,omitempty"`   // rows whose text has no token, likewise
	EmptyFiles      int64    `json:"empty_files,omitempty"`  // files in folders and patterns, likewise
	InvalidTexts    int64    `json:"invalid_utf8,omitempty"` // texts that are not valid UTF-8, and were taken as they are
	MarkedTexts     int64    `json:"end_marks,omitempty"`    // texts with <|endoftext|> in them, likewise
	// of texts: what became of each set
	Sets []*SetInfo `json:"sets,omitempty"`
	// which were looked for
	Duplicates dedup.Mode `json:"duplicates,omitempty"`
	// the share of new texts taken for them
	FalseRate float64        `json:"duplicates_false_rate,omitempty"`
	Filters   filter.Options `json:"filters,omitzero"`
	// of the expression of the filters: columns that no row had which was read
	NoColumns []string `json:"no_columns,omitempty"`
	// of the training documents when they are shuffled: "": it is held, "keyed": it is computed
	Order   string    `json:"order,omitempty"`
	Train   SplitInfo `json:"train"`
	Heldout SplitInfo `json:"heldout"`

	// Of conversations and pairs:
	Form    conversation.Form `json:"form,omitempty"`
	Fields  []string          `json:"fields,omitempty"` // of the rows that were read
	Unread  []string          `json:"unread_fields,omitempty"`
	Length  int               `json:"length,omitempty"`   // most tokens of one; 0: any
	TooLong TooLong           `json:"too_long,omitempty"` // what becomes of longer ones, here and in a Loader
	Cut     int64             `json:"cut,omitempty"`      // those that were
	LeftOut map[string]int64  `json:"left_out,omitempty"` // rows that are in no split, by reason
	Refusal string            `json:"refusal,omitempty"`  // the first row that the template refused, and why
}

// SplitInfo describes one split. Tokens does not count BOS and EOS, which the loader adds to texts;
// Bytes is the length of the texts in UTF-8, of conversations that of what is learned. A pair is two
// documents.
type SplitInfo struct {
	Documents int64       `json:"documents"`
	Tokens    int64       `json:"tokens"`
	Bytes     int64       `json:"bytes"`
	Learned   int64       `json:"learned,omitempty"` // of conversations: the tokens that are learned
	Longest   int         `json:"longest,omitempty"` // likewise: the tokens of the longest
	Shards    []ShardInfo `json:"shards"`
}

// ShardInfo describes one file of token ids.
type ShardInfo struct {
	File      string `json:"file"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	Documents int64  `json:"documents"`
	Tokens    int64  `json:"tokens"`
	Bytes     int64  `json:"bytes"`
}

// OpenManifest reads and checks the description of the data set in folder dir.
func OpenManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestName)
	info, err := os.Stat(path)
	if err != nil {
		return nil, &setting.Error{
			Field: "data.Prepare", Problem: dir + " is no prepared data set", Err: err, Remedy: "make one with {data.Prepare}",
		}
	}
	if info.Size() > maxManifestSize {
		return nil, shardError(path, "size", "%d bytes: want at most %d", info.Size(), maxManifestSize)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseManifest(path, raw)
}

func parseManifest(path string, raw []byte) (*Manifest, error) {
	m := &Manifest{BOS: -1, EOS: -1}
	if err := jsonfile.DecodeStrict(raw, m); err != nil {
		return nil, shardError(path, "JSON", "%v", err)
	}
	return m, m.check(path)
}

func (m *Manifest) check(path string) error {
	bad := func(field, found string, args ...any) error { return shardError(path, field, found, args...) }
	if m.Format != manifestFormat || m.Version != manifestVersion {
		return bad("format", "%q version %d: want %q version %d", m.Format, m.Version, manifestFormat, manifestVersion)
	}
	if m.Kind != Texts && m.Kind != Chat && m.Kind != Preferences {
		return bad("kind", "%q: want none, %q or %q", m.Kind, Chat, Preferences)
	}
	known := m.TooLong == Cut || m.TooLong == Drop
	if m.Length < 0 || m.Kind != Texts && !known || m.Kind == Texts && m.TooLong != "" {
		return bad("too_long", "%q and a length of %d: want %q or %q of conversations alone", m.TooLong, m.Length, Cut, Drop)
	}
	if m.VocabSize < 1 || m.VocabSize > maxVocabulary {
		return bad("vocab_size", "%d: want 1 to %d", m.VocabSize, maxVocabulary)
	}
	for field, id := range map[string]int32{"bos_token_id": m.BOS, "eos_token_id": m.EOS} {
		if id < -1 || int(id) >= m.VocabSize {
			return bad(field, "%d: the vocabulary has %d tokens", id, m.VocabSize)
		}
	}
	if m.Order != "" && m.Order != keyedOrder {
		return bad("order", "%q: want none or %q", m.Order, keyedOrder)
	}
	if slices.Contains(m.Sets, nil) {
		return bad("sets", "one is null")
	}
	for _, s := range m.shards() {
		if s.File == "" || filepath.Base(s.File) != s.File || !filepath.IsLocal(s.File) {
			return bad("file", "%q: want the plain name of a file in this folder", s.File)
		}
		if m.Kind == Preferences && s.Documents%2 != 0 {
			return bad("documents", "%d in %s: want two of each pair", s.Documents, s.File)
		}
	}
	return nil
}

// shards are those of all splits.
func (m *Manifest) shards() []ShardInfo { return slices.Concat(m.Train.Shards, m.Heldout.Shards) }

// Fingerprint is a hash of all tokens that a Loader returns, in their order, with what of them is
// learned. It does not depend on the folder.
func (m *Manifest) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintln(h, m.VocabSize, m.BOS, m.EOS, m.TokenizerSHA256)
	if m.Kind != Texts {
		fmt.Fprintln(h, m.Kind, m.TooLong)
	}
	if m.Order != "" {
		fmt.Fprintln(h, m.Order)
	}
	for _, split := range []SplitInfo{m.Train, m.Heldout} {
		fmt.Fprintln(h, len(split.Shards))
		for _, s := range split.Shards {
			fmt.Fprintln(h, s.SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// note adds what was left out.
func (m *Manifest) note(texts *source.Texts, s source.Counts) {
	if d := texts.Divided(); d != "" {
		m.Documents = d
	}
	m.NullRows += s.Null
	m.EmptyFiles += s.EmptyFiles
	m.InvalidTexts += s.Invalid
	m.MarkedTexts += s.Marked
}

// skipped says how many rows are in no split.
func (m *Manifest) skipped() string {
	var left []string
	add := func(n int64, what string) {
		if n > 0 {
			left = append(left, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(m.NullRows, "null")
	add(m.EmptyRows, "empty")
	left = append(left, m.Reasons()...)
	if m.Kind == Texts {
		for _, reason := range slices.Sorted(maps.Keys(m.LeftOut)) {
			add(m.LeftOut[reason], reason)
		}
	}
	if len(left) == 0 {
		return ""
	}
	return " (left out: " + strings.Join(left, ", ") + ")" + m.noColumns() + m.refusal()
}

// noColumns names the columns of the expression that no row has.
func (m *Manifest) noColumns() string {
	if len(m.NoColumns) == 0 {
		return ""
	}
	return fmt.Sprintf(": no row has the column %s of {filter.Options.Keep}", strings.Join(m.NoColumns, ", "))
}

// Split returns the part of the manifest named Train or Heldout.
func (m *Manifest) Split(name string) (SplitInfo, error) {
	switch name {
	case Train:
		return m.Train, nil
	case Heldout:
		return m.Heldout, nil
	}
	return SplitInfo{}, fmt.Errorf("split %q: want %q or %q", name, Train, Heldout)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
