package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"trit/data/source"
	"trit/internal/atomicfile"
	"trit/setting"
)

// What PrepareText puts into its folder.
const (
	TokenizerDir = "tokenizer" // files of the tokenizer
	ShardsDir    = "data"      // the prepared data set
	recordName   = "texts.json"
)

// maxRecordSize bounds texts.json, in bytes.
const maxRecordSize = 64 << 20

// TextOptions say what PrepareText makes. All but Stdin, Threads and the functions are kept
// in the folder, and must be the same when it is used again.
type TextOptions struct {
	Texts     []string `json:"texts"`               // files, folders and patterns, or names for Find
	Column    string   `json:"column"`              // the parquet column or field of JSON lines with the text
	Documents string   `json:"documents,omitempty"` // how plain text is divided; see source.Options
	VocabSize int      `json:"vocab_size"`          // of the tokenizer, special tokens included
	Holdout   float64  `json:"holdout"`             // share of the documents to hold out, 0 <= Holdout < 1
	Seed      uint64   `json:"seed"`                // of the choice of held-out documents

	// Find returns the files, folders and patterns that Texts name, when they are read; nil: Texts.
	Find func() ([]string, error) `json:"-"`

	Stdin    io.Reader                     `json:"-"` // what the file "-" stands for; may be nil
	Threads  int                           `json:"-"` // that encode texts; 0: one for each processor
	Merges   func(merges, total int)       `json:"-"` // called now and then; may be nil
	Progress func(documents, tokens int64) `json:"-"` // called after each batch; may be nil
}

// PrepareText trains a tokenizer on texts and makes shards of them, in the folders TokenizerDir
// and ShardsDir of out. The folder out appears whole or not at all. If it is there already and
// reuse is set, it is used as it is, and the texts are not read; it must have been made with
// the same options. made reports whether it was made now. Streams are copied to the disk, since
// the texts are read twice.
func PrepareText(ctx context.Context, out string, reuse bool, o TextOptions) (m *Manifest, made bool, err error) {
	if _, err := os.Stat(out); err == nil && reuse {
		if err := o.matches(out); err != nil {
			return nil, false, err
		}
		m, err := OpenManifest(filepath.Join(out, ShardsDir))
		return m, false, err
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if err := errors.Join(checkHoldout(o.Holdout), checkFree("data.PrepareText", out)); err != nil {
		return nil, false, err
	}
	_, missing := os.Stat(filepath.Dir(out))
	if err := makeFolder(out, func(dir string) error { return o.fill(ctx, dir) }); err != nil {
		if missing != nil {
			os.Remove(filepath.Dir(out)) // that of the run, if nothing is in it
		}
		return nil, false, err
	}
	m, err = OpenManifest(filepath.Join(out, ShardsDir))
	return m, true, err
}

// fill makes tokenizer, shards and record in dir.
func (o *TextOptions) fill(ctx context.Context, dir string) error {
	spool, err := os.MkdirTemp(dir, "spool-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(spool)
	files := o.Texts
	if o.Find != nil {
		if files, err = o.Find(); err != nil {
			return err
		}
	}
	texts, err := source.Open(source.Options{
		Paths: files, Column: o.Column, Documents: o.Documents, Stdin: o.Stdin, Spool: spool,
	})
	if err != nil {
		return err
	}
	train := TokenizerOptions{VocabSize: o.VocabSize, Out: filepath.Join(dir, TokenizerDir), Progress: o.Merges}
	tok, err := train.train(ctx, texts)
	if err != nil {
		return err
	}
	prepare := PrepareOptions{
		Files: files, Column: o.Column, Tokenizer: tok, Holdout: o.Holdout, Seed: o.Seed,
		Out: filepath.Join(dir, ShardsDir), Threads: o.Threads, Progress: o.Progress,
	}
	if err := prepare.check(); err != nil {
		return err
	}
	if _, err := prepare.prepareTexts(ctx, []*set{newSet(Set{Files: files}, texts)}); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(spool), atomicfile.WriteBytes(filepath.Join(dir, recordName), append(raw, '\n')))
}

// matches refuses a folder that was made with other options.
func (o *TextOptions) matches(dir string) error {
	path := filepath.Join(dir, recordName)
	raw, err := atomicfile.Read(path, maxRecordSize)
	if err != nil {
		return err
	}
	var made TextOptions
	if err := json.Unmarshal(raw, &made); err != nil {
		return shardError(path, "JSON", "%v", err)
	}
	found, _ := json.Marshal(&made)
	wanted, _ := json.Marshal(o)
	if !bytes.Equal(found, wanted) {
		return setting.Needs("data.PrepareText", fmt.Sprintf("%s was made with %s, not with %s", dir, found, wanted),
			"give the same texts and options, or train in another folder")
	}
	return nil
}
