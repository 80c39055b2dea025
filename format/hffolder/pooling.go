package hffolder

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
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

// modules of sentence-transformers that an embedding is computed with here.
var modules = []string{"Transformer", "Pooling", "Normalize"}

// checkModules refuses a model of sentence-transformers whose embedding is made in another way
// than by Pooling and a length of 1: by a further projection, or by several poolings.
func (f *Folder) checkModules() error {
	var list []struct{ Path, Type string }
	readSmall(filepath.Join(f.Dir, "modules.json"), &list)
	for _, m := range list {
		kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]
		if !slices.Contains(modules, kind) {
			return fmt.Errorf("modules.json has the module %q, which changes embeddings and is not supported: want %v alone",
				m.Type, modules)
		}
		if kind != "Pooling" || !filepath.IsLocal(m.Path) {
			continue
		}
		var config map[string]any
		readSmall(filepath.Join(f.Dir, path.Clean(m.Path), "config.json"), &config)
		var modes []string
		for _, key := range slices.Sorted(maps.Keys(config)) {
			if strings.HasPrefix(key, "pooling_mode_") && config[key] == true {
				modes = append(modes, key)
			}
		}
		if len(modes) > 1 || len(modes) == 1 && f.Pooling() == PoolingNone {
			return fmt.Errorf("%s/config.json has %v: want one of pooling_mode_mean_tokens, pooling_mode_cls_token and "+
				"pooling_mode_lasttoken", m.Path, modes)
		}
	}
	return nil
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
