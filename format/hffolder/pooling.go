package hffolder

import (
	"encoding/json"
	"path"
	"path/filepath"
	"strings"

	"trit/internal/atomicfile"
)

// Pooling is the way in which the vectors of a text's tokens become one embedding. The numbers
// are GGUF's.
type Pooling uint32

// The poolings of embedding models. Other models have none.
const (
	PoolingNone Pooling = 0
	PoolingMean Pooling = 1 // of all tokens
	PoolingCLS  Pooling = 2 // the first token
	PoolingLast Pooling = 3 // the last token
)

// maxPoolingBytes bounds the files of sentence-transformers that are read.
const maxPoolingBytes = 1 << 20

// Pooling reads the pooling from the files of sentence-transformers: modules.json names a folder,
// whose config.json has it.
func (f *Folder) Pooling() Pooling {
	var modules []struct{ Path, Type string }
	if !readSmall(filepath.Join(f.Dir, "modules.json"), &modules) {
		return PoolingNone
	}
	for _, m := range modules {
		if !strings.HasSuffix(m.Type, "Pooling") || !filepath.IsLocal(m.Path) {
			continue
		}
		var c struct {
			Mean bool `json:"pooling_mode_mean_tokens"`
			CLS  bool `json:"pooling_mode_cls_token"`
			Last bool `json:"pooling_mode_lasttoken"`
		}
		readSmall(filepath.Join(f.Dir, path.Clean(m.Path), "config.json"), &c)
		switch {
		case c.Last:
			return PoolingLast
		case c.Mean:
			return PoolingMean
		case c.CLS:
			return PoolingCLS
		}
	}
	return PoolingNone
}

func readSmall(path string, v any) bool {
	b, err := atomicfile.Read(path, maxPoolingBytes)
	return err == nil && json.Unmarshal(b, v) == nil
}
