package hffolder

import (
	"encoding/json"
	"fmt"
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

// PoolingFiles are the files of sentence-transformers that say a pooling, by their names; none
// for one that they have no key for.
func PoolingFiles(p Pooling) map[string][]byte {
	key, ok := map[Pooling]string{
		PoolingMean: "pooling_mode_mean_tokens", PoolingCLS: "pooling_mode_cls_token", PoolingLast: "pooling_mode_lasttoken",
	}[p]
	if !ok {
		return nil
	}
	const folder = "1_Pooling"
	return map[string][]byte{
		"modules.json": fmt.Appendf(nil, `[
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": %q, "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
]
`, folder),
		folder + "/config.json": fmt.Appendf(nil, "{%q: true}\n", key),
	}
}

func readSmall(path string, v any) bool {
	b, err := atomicfile.Read(path, maxPoolingBytes)
	return err == nil && json.Unmarshal(b, v) == nil
}
