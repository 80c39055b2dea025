// Package configs holds the presets, each a model and a complete recipe to train it, and reads
// configurations strictly: a key that is not known is an error that names the nearest one.
// It also estimates the memory and the time of a run.
package configs

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"trit/model"
	"trit/train"
)

//go:embed presets/*.json
var presets embed.FS

// Config is a model and the options to train it, as one flat JSON object. The model has the keys
// of a Hugging Face config.json, the rest the keys of train.Options.
type Config struct {
	Description string `json:"description,omitempty"`
	Base        string `json:"base,omitempty"` // preset that the file changes
	model.Config
	train.Options
}

// Names returns the names of the presets.
func Names() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic("configs: the presets are embedded: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Default returns the values of keys that a configuration leaves out.
func Default() Config {
	return Config{Config: model.Config{TieWordEmbeddings: true, SubNorms: true, Ternary: true}, Options: train.Default()}
}

// Load reads a preset by its name, or a JSON file. The key "base" of a file may name a preset
// that its other keys change.
func Load(nameOrFile string) (Config, error) { return LoadOver(Default(), nameOrFile) }

// LoadOver is Load, but keys that are left out have their values in c.
func LoadOver(c Config, nameOrFile string) (Config, error) {
	b, err := presets.ReadFile("presets/" + strings.ToLower(nameOrFile) + ".json")
	if err != nil {
		if b, err = os.ReadFile(nameOrFile); errors.Is(err, os.ErrNotExist) {
			return c, fmt.Errorf("there is no preset and no file %q: the presets are %s", nameOrFile,
				strings.Join(Names(), ", "))
		}
	}
	if err != nil {
		return c, err
	}
	var base struct{ Base string }
	if json.Unmarshal(b, &base) == nil && base.Base != "" {
		if !slices.Contains(Names(), base.Base) {
			return c, fmt.Errorf("%s: base is %q: the presets are %s", nameOrFile, base.Base, strings.Join(Names(), ", "))
		}
		if c, err = LoadOver(c, base.Base); err != nil {
			return c, err
		}
	}
	if err := c.decode(b); err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Base(nameOrFile), err)
	}
	return c, nil
}

// decode sets the keys of a JSON object in c.
func (c *Config) decode(b []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return err
	}
	var errs []error
	for key := range keys {
		if !slices.Contains(Keys(), key) {
			errs = append(errs, unknownKey(key))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(c)
}

// Set changes one key: "hidden_size=256". The value is JSON; a word needs no quotes.
func (c *Config) Set(assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("%q: want key=value", assignment)
	}
	if !slices.Contains(Keys(), key) {
		return unknownKey(key)
	}
	if !json.Valid([]byte(value)) {
		quoted, err := json.Marshal(value)
		if err != nil {
			return err
		}
		value = string(quoted)
	}
	if err := c.decode(fmt.Appendf(nil, "{%q:%s}", key, value)); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// Keys returns all keys of a configuration.
func Keys() []string {
	var keys []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				walk(f.Type)
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			keys = append(keys, name)
		}
	}
	walk(reflect.TypeFor[Config]())
	return keys
}

func unknownKey(key string) error {
	nearest := slices.MinFunc(Keys(), func(a, b string) int { return distance(key, a) - distance(key, b) })
	return fmt.Errorf("there is no key %q: did you mean %q?", key, nearest)
}

// distance is Levenshtein's: the least number of bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// TokenizerSize is the size of the vocabulary for a tokenizer that is trained for the model:
// vocab_size, or if that is 0, 8 tokens for each value of the hidden state, 1024 to 32000, with
// which the embedding of a small model is no larger than its blocks.
func (c Config) TokenizerSize() int {
	if c.VocabSize > 0 {
		return c.VocabSize
	}
	return min(max(8*c.HiddenSize, 1024), 32000)
}

// JSON returns the resolved configuration, indented.
func (c Config) JSON() ([]byte, error) {
	c.Base = ""
	c.Config.Resolve()
	return json.MarshalIndent(c, "", "  ")
}
