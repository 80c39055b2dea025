package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"trit/data/source"
	"trit/internal/jsonfile"
	"trit/setting"
)

// ManifestName is the file of a data set's folder that describes it.
const ManifestName = "dataset.json"

// The splits of a data set.
const (
	Train   = "train"
	Heldout = "heldout"
)

// Preferences is the kind of a data set of pairs: of each two rows of a Batch, the first holds the text that is
// chosen and the second the one that is rejected.
const Preferences = "preferences"

const (
	manifestFormat  = "trit-dataset"
	manifestVersion = 1

	// maxManifestSize bounds dataset.json, in bytes.
	maxManifestSize = 64 << 20
)

// Manifest describes a prepared data set. Its folder holds the tokenizer's files too, so that
// tokenizer.Load reads it.
type Manifest struct {
	Format          string    `json:"format"`
	Version         int       `json:"version"`
	Kind            string    `json:"kind,omitempty"` // Preferences; "": texts
	VocabSize       int       `json:"vocab_size"`
	BOS             int32     `json:"bos_token_id"` // -1: documents do not begin with one
	EOS             int32     `json:"eos_token_id"` // -1: documents do not end with one
	TokenizerSHA256 string    `json:"tokenizer_sha256"`
	Column          string    `json:"column"`
	Files           []string  `json:"files"`
	Holdout         float64   `json:"holdout"`
	Seed            uint64    `json:"seed"`
	Documents       string    `json:"documents,omitempty"`    // how plain text was divided; "": there was none
	NullRows        int64     `json:"null_rows,omitempty"`    // rows without a text: they are in no split
	EmptyRows       int64     `json:"empty_rows,omitempty"`   // rows whose text has no token, likewise
	EmptyFiles      int64     `json:"empty_files,omitempty"`  // files in folders and patterns, likewise
	InvalidTexts    int64     `json:"invalid_utf8,omitempty"` // texts that are not valid UTF-8, and were taken as they are
	MarkedTexts     int64     `json:"end_marks,omitempty"`    // texts with <|endoftext|> in them, likewise
	Train           SplitInfo `json:"train"`
	Heldout         SplitInfo `json:"heldout"`
}

// SplitInfo describes one split. Tokens does not count BOS and EOS, which the loader adds;
// Bytes is the length of the texts in UTF-8.
type SplitInfo struct {
	Documents int64       `json:"documents"`
	Tokens    int64       `json:"tokens"`
	Bytes     int64       `json:"bytes"`
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
	if m.VocabSize < 1 || m.VocabSize > maxVocabulary {
		return bad("vocab_size", "%d: want 1 to %d", m.VocabSize, maxVocabulary)
	}
	for field, id := range map[string]int32{"bos_token_id": m.BOS, "eos_token_id": m.EOS} {
		if id < -1 || int(id) >= m.VocabSize {
			return bad(field, "%d: the vocabulary has %d tokens", id, m.VocabSize)
		}
	}
	for _, s := range append(append([]ShardInfo{}, m.Train.Shards...), m.Heldout.Shards...) {
		if s.File == "" || filepath.Base(s.File) != s.File || !filepath.IsLocal(s.File) {
			return bad("file", "%q: want the plain name of a file in this folder", s.File)
		}
	}
	return nil
}

// Fingerprint is a hash of all tokens that a Loader returns, in their order. It does not
// depend on the folder.
func (m *Manifest) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintln(h, m.VocabSize, m.BOS, m.EOS, m.TokenizerSHA256)
	for _, split := range []SplitInfo{m.Train, m.Heldout} {
		fmt.Fprintln(h, len(split.Shards))
		for _, s := range split.Shards {
			fmt.Fprintln(h, s.SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// note takes over what was left out.
func (m *Manifest) note(texts *source.Texts) {
	s := texts.Counts()
	m.Documents, m.NullRows, m.EmptyFiles = texts.Divided(), s.Null, s.EmptyFiles
	m.InvalidTexts, m.MarkedTexts = s.Invalid, s.Marked
}

// skipped says how many rows are in no split.
func (m *Manifest) skipped() string {
	if m.NullRows+m.EmptyRows == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d rows are null, %d are empty)", m.NullRows, m.EmptyRows)
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
