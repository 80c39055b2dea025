// Package configs holds the presets, each a complete recipe and the model to train by it unless the recipe is
// for any model, and reads
// configurations strictly: a key that is not known is an error that names the nearest one.
// It also estimates the memory and the time of a run.
package configs

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"trit/internal/jsonfile"
	"trit/internal/nearest"
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

// Models returns the names of the presets that have a model. The others are recipes for a model that
// is there already.
func Models() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		c, err := Load(name)
		return err != nil || c.IsRecipe()
	})
}

// IsRecipe reports whether the configuration says how to train and leaves open what.
func (c Config) IsRecipe() bool { return c.HiddenSize == 0 }

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
			return c, unknownPreset(nameOrFile)
		}
	}
	if err != nil {
		return c, err
	}
	var base struct{ Base string }
	if json.Unmarshal(b, &base) == nil && base.Base != "" {
		if !slices.Contains(Names(), base.Base) {
			return c, fmt.Errorf("%s: base is %q%s", nameOrFile, base.Base, nearest.OneOf(base.Base, Names(), nil))
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

func unknownPreset(name string) error {
	if ext := filepath.Ext(name); ext == ".json" || filepath.Base(name) != name {
		return fmt.Errorf("there is no file %q, and no preset: the presets are %s", name, strings.Join(Names(), ", "))
	}
	return fmt.Errorf("there is no preset and no file %q%s", name, nearest.OneOf(name, Names(), nil))
}

// decode sets the keys of a JSON object in c.
func (c *Config) decode(b []byte) error {
	var keys map[string]json.RawMessage
	if err := jsonfile.Decode(b, &keys); err != nil {
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
	return jsonfile.DecodeStrict(b, c)
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
	err := c.decode(fmt.Appendf(nil, "{%q:%s}", key, value))
	if err != nil && !strings.HasPrefix(err.Error(), key+":") {
		return fmt.Errorf("%s: %w", key, err)
	}
	return err
}

// Validate reports every problem of the values at once. A vocabulary that the data will bring may be open.
func (c Config) Validate() error {
	if c.VocabSize == 0 {
		c.VocabSize = 1
	}
	c.Config.Resolve()
	return errors.Join(c.Config.Validate(), c.Options.Validate())
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

// keyWords are words of other tools for keys.
var keyWords = map[string]string{
	"lr": "learning_rate", "max_lr": "learning_rate", "wd": "weight_decay", "clip": "max_grad_norm", "grad_clip": "max_grad_norm",
	"grad_accum": "gradient_accumulation_steps", "eval_every": "eval_interval", "log_every": "log_interval",
	"save_every": "checkpoint_interval", "save_steps": "checkpoint_interval", "ema": "ema_decay",
	"warmup": "warmup_steps", "scheduler": "lr_schedule",
	"steps": "max_steps", "iters": "max_steps", "max_iters": "max_steps", "num_steps": "max_steps",
	"bs": "batch_size", "micro_batch_size": "batch_size", "seq_len": "sequence_length", "block_size": "sequence_length",
	"context_length": "max_position_embeddings", "n_ctx": "max_position_embeddings", "max_seq_len": "max_position_embeddings",
	"n_layer": "num_hidden_layers", "layers": "num_hidden_layers", "num_layers": "num_hidden_layers", "depth": "num_hidden_layers",
	"n_head": "num_attention_heads", "heads": "num_attention_heads", "num_heads": "num_attention_heads",
	"n_kv_head": "num_key_value_heads", "kv_heads": "num_key_value_heads",
	"n_embd": "hidden_size", "d_model": "hidden_size", "dim": "hidden_size", "width": "hidden_size",
	"ffn": "intermediate_size", "d_ff": "intermediate_size", "ffn_dim": "intermediate_size",
	"activation": "hidden_act", "vocab": "vocab_size", "tie_embeddings": "tie_word_embeddings",
}

func unknownKey(key string) error {
	return fmt.Errorf("there is no key %q%s", key, nearest.OneOf(key, Keys(), keyWords))
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
