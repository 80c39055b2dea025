package convert

import (
	"fmt"
	"path/filepath"

	"trit/format/gguf"
	"trit/model"
)

// architecture is GGUF's name for the shape of a model.
func architecture(c *model.Config) string {
	switch {
	case !c.SubNorms:
		return "llama"
	case c.HiddenAct == model.ReLU2:
		return "bitnet-b1.58"
	}
	return "bitnet"
}

// fileTypes are general.file_type by the type of the projections.
var fileTypes = map[gguf.Type]uint32{gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7, gguf.BF16: 32, gguf.I2_S: 40}

// metadata describes the model and carries its tokenizer.
func (c *converter) metadata() (*gguf.Metadata, error) {
	cfg, a := c.model.Config, c.report.Architecture
	m := &gguf.Metadata{}
	m.Set("general.architecture", a)
	m.Set("general.name", filepath.Base(filepath.Clean(c.model.Dir)))
	m.Set("general.file_type", fileTypes[c.weightType])
	m.Set("general.quantization_version", uint32(2))
	for _, k := range []struct {
		key   string
		value int
	}{
		{"vocab_size", cfg.VocabSize}, {"context_length", cfg.MaxPositionEmbeddings}, {"embedding_length", cfg.HiddenSize}, {"block_count", cfg.NumHiddenLayers},
		{"feed_forward_length", cfg.IntermediateSize}, {"attention.head_count", cfg.NumAttentionHeads}, {"attention.head_count_kv", cfg.NumKeyValueHeads},
		{"rope.dimension_count", cfg.HeadDim}, {"attention.key_length", cfg.HeadDim}, {"attention.value_length", cfg.HeadDim},
	} {
		m.Set(a+"."+k.key, uint32(k.value))
	}
	m.Set(a+".attention.layer_norm_rms_epsilon", float32(cfg.RMSNormEps))
	m.Set(a+".rope.freq_base", float32(cfg.RopeTheta))
	return m, c.tokenizerMetadata(m)
}

func (c *converter) tokenizerMetadata(m *gguf.Metadata) error {
	tok, err := loadTokenizer(c.model.Dir)
	if err != nil {
		return err
	}
	if tok == nil {
		c.warn("there is no tokenizer.json: the file will hold no tokenizer")
		return nil
	}
	v, cfg := tok.Vocab(), c.model.Config
	if len(v.Tokens) > cfg.VocabSize {
		return fmt.Errorf("tokenizer.json has %d tokens, but config.json has vocab_size %d: they belong to different models", len(v.Tokens), cfg.VocabSize)
	}
	for id := len(v.Tokens); id < cfg.VocabSize; id++ { // rows of the embedding without a token
		v.Tokens, v.Types = append(v.Tokens, fmt.Sprintf("<unused_%d>", id)), append(v.Types, 5)
		if v.Scores != nil {
			v.Scores = append(v.Scores, 0)
		}
	}
	if v.BOS < 0 && cfg.BOSTokenID != nil {
		v.BOS = int32(*cfg.BOSTokenID)
	}
	if v.EOS < 0 && len(cfg.EOSTokenID) > 0 {
		v.EOS = int32(cfg.EOSTokenID[0])
	}
	const p = "tokenizer.ggml."
	m.Set(p+"model", v.Model)
	if v.Pre == "" {
		c.warn("the tokenizer's split pattern is not one that GGUF has a name for: other engines may split text otherwise")
	} else {
		m.Set(p+"pre", v.Pre)
	}
	m.Set(p+"tokens", v.Tokens)
	m.Set(p+"token_type", v.Types)
	if v.Scores != nil {
		m.Set(p+"scores", v.Scores)
	} else {
		m.Set(p+"merges", append([]string{}, v.Merges...))
	}
	for _, t := range []struct {
		key  string
		id   int32
		want bool
	}{{"bos", v.BOS, true}, {"eos", v.EOS, true}, {"unknown", v.UNK, false}, {"padding", v.PAD, false}} {
		if t.id >= 0 {
			m.Set(p+t.key+"_token_id", uint32(t.id))
		} else if t.want {
			c.warn("the tokenizer names no %s token: other engines take id 11", t.key)
		}
	}
	m.Set(p+"add_bos_token", v.AddBOS)
	m.Set(p+"add_eos_token", v.AddEOS)
	if v.Model == "llama" {
		m.Set(p+"add_space_prefix", v.AddSpacePrefix)
	}
	if v.ChatTemplate != "" {
		m.Set("tokenizer.chat_template", v.ChatTemplate)
	}
	return nil
}
