package data

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"trit/data/source"
	"trit/internal/atomicfile"
	"trit/setting"
	"trit/tokenizer"
)

// TokenizerOptions say what TrainTokenizer reads and writes.
type TokenizerOptions struct {
	Files     []string  // files, folders and patterns; see source.Options
	Column    string    // the parquet column or field of JSON lines with the text
	Documents string    // how plain text is divided; see source.Options
	Stdin     io.Reader // what the file "-" stands for; may be nil
	VocabSize int       // of the tokenizer, special tokens included
	Out       string    // folder to make; it must not exist, or be empty

	Progress func(merges, total int) // called now and then; may be nil
	Counts   func(source.Counts)     // called if something was left out or is odd; may be nil
}

// TrainTokenizer trains a byte-level BPE tokenizer on a text column (see tokenizer.Train)
// and writes its files into the folder Out, which appears whole or not at all.
func TrainTokenizer(ctx context.Context, o TokenizerOptions) (*tokenizer.Tokenizer, error) {
	if err := checkFree("data.TokenizerOptions.Out", o.Out); err != nil {
		return nil, err
	}
	texts, err := source.Open(source.Options{Paths: o.Files, Column: o.Column, Documents: o.Documents, Stdin: o.Stdin})
	if err != nil {
		return nil, err
	}
	return o.train(ctx, texts)
}

// train is TrainTokenizer on texts that were found.
func (o *TokenizerOptions) train(ctx context.Context, texts *source.Texts) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Train(texts.All(ctx), tokenizer.TrainOptions{
		VocabSize: o.VocabSize, Progress: o.Progress,
	})
	if err != nil {
		return nil, err
	}
	if n := texts.Counts(); n != (source.Counts{}) && o.Counts != nil {
		o.Counts(n)
	}
	files, err := tok.Files()
	if err != nil {
		return nil, err
	}
	return tok, makeFolder(o.Out, func(dir string) error { return writeFiles(dir, files) })
}

// checkFree refuses a folder that holds something: nothing that a user made is overwritten.
// field is the option that names the folder.
func checkFree(field, dir string) error {
	name, err := atomicfile.FirstEntry(dir)
	if err != nil {
		return err
	}
	if name != "" {
		return setting.Needs(field, fmt.Sprintf("%s already holds %s", dir, name),
			"name a new folder with {"+field+"} or empty this one")
	}
	return nil
}

// makeFolder lets fill write a folder under another name, and then gives it the name out:
// it appears whole or not at all. out may exist if it is empty. What a killed process left
// beside it is removed.
func makeFolder(out string, fill func(dir string) error) error {
	out = filepath.Clean(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	atomicfile.RemoveStale(out)
	work, release, err := atomicfile.TempDir(out)
	if err != nil {
		return err
	}
	defer release()
	defer os.RemoveAll(work) // finds nothing when the folder was renamed
	if err := fill(work); err != nil {
		return err
	}
	return moveFolder(work, out)
}

// writeFiles writes files by name into a folder, and makes the folders that they lie in.
func writeFiles(dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(path, files[name]); err != nil {
			return err
		}
	}
	return nil
}
