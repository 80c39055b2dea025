package models

import (
	"fmt"
	"path/filepath"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/tokenizer"
)

// Tokenizer reads the tokenizer of a folder or of a GGUF file. It reads no weights.
func Tokenizer(path string) (*tokenizer.Tokenizer, error) {
	if filepath.Ext(path) != ".gguf" {
		return tokenizer.Load(path)
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
