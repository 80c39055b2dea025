package convert

import (
	"encoding/json"
	"path"
	"path/filepath"
	"strings"

	"trit/internal/atomicfile"
)

// Poolings of embedding models, as GGUF numbers them.
const (
	poolingMean = 1
	poolingCLS  = 2
	poolingLast = 3
)

// maxPoolingBytes bounds the files of sentence-transformers that are read.
const maxPoolingBytes = 1 << 20

// pooling is how an embedding comes from the tokens of a text, by the files that
// sentence-transformers keeps in a folder: modules.json names a folder whose config.json
// says it.
func pooling(dir string) (kind uint32, ok bool) {
	var modules []struct{ Path, Type string }
	if !readSmall(filepath.Join(dir, "modules.json"), &modules) {
		return 0, false
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
		readSmall(filepath.Join(dir, path.Clean(m.Path), "config.json"), &c)
		switch {
		case c.Last:
			return poolingLast, true
		case c.Mean:
			return poolingMean, true
		case c.CLS:
			return poolingCLS, true
		}
	}
	return 0, false
}

func readSmall(path string, v any) bool {
	b, err := atomicfile.Read(path, maxPoolingBytes)
	return err == nil && json.Unmarshal(b, v) == nil
}
