package models

import (
	"fmt"
	"path/filepath"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/hffolder"
	"trit/tokenizer"
)

// TokenizerFolder is the folder of the tokenizer that a path names: of a run that of its best model, else the path.
func TokenizerFolder(path string) string {
	if chosen, err := hffolder.Choose(path); err == nil {
		return chosen.Dir
	}
	return path
}

// Tokenizer reads the tokenizer of a folder, a run or a GGUF file. It reads no weights.
func Tokenizer(path string) (*tokenizer.Tokenizer, error) {
	if filepath.Ext(path) != ".gguf" {
		return tokenizer.Load(TokenizerFolder(path))
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v := ggufmeta.ReadVocab(&f.Metadata)
	if len(v.Tokens) == 0 {
		return nil, fmt.Errorf("%s holds no tokenizer", path)
	}
	tok, err := tokenizer.FromVocab(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tok, nil
}
