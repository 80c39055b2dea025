package convert

import (
	"fmt"
	"slices"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/hffolder"
	"trit/model"
	"trit/tokenizer"
)

// describe writes the metadata: hyper-parameters, card, types and tokenizer.
func (g *ggufWriter) describe() error {
	c, m := g.model.Config, &g.meta
	if err := ggufmeta.WriteConfig(m, g.architecture, &c.Config); err != nil {
		return err
	}
	g.model.Card.WriteGGUF(m)
	if pooling := g.model.Pooling(); pooling != hffolder.PoolingNone {
		m.Set(g.architecture+".pooling_type", uint32(pooling))
	}
	advice, err := g.model.Sampling()
	if err != nil {
		return err
	}
	ggufmeta.WriteSampling(m, advice)
	if number, ok := fileTypes[g.weightType]; ok {
		m.Set("general.file_type", number)
	}
	m.Set("general.quantization_version", uint32(2))
	m.Set("general.size_label", sizeLabel(c.Parameters()))
	v, err := g.model.Vocab()
	if err != nil || len(v.Tokens) == 0 {
		return err
	}
	if len(v.Tokens) > c.VocabSize {
		return fmt.Errorf("the tokenizer has %d tokens, but config.json has vocab_size %d: they belong to different models",
			len(v.Tokens), c.VocabSize)
	}
	ggufmeta.WriteVocab(m, filledUp(v, c))
	return nil
}

// filledUp is a tokenizer with unused tokens for the rows of the embedding that it has no token
// for, and with BOS and EOS of config.json if it has none.
func filledUp(v tokenizer.Vocab, c *model.HFConfig) tokenizer.Vocab {
	v.Tokens, v.Types, v.Scores = slices.Clone(v.Tokens), slices.Clone(v.Types), slices.Clone(v.Scores)
	if len(v.Types) == 0 { // all are normal
		v.Types = slices.Repeat([]int32{1}, len(v.Tokens))
	}
	for id := len(v.Tokens); id < c.VocabSize; id++ {
		v.Tokens, v.Types = append(v.Tokens, fmt.Sprintf("<unused_%d>", id)), append(v.Types, 5)
		if v.Scores != nil {
			v.Scores = append(v.Scores, 0)
		}
	}
	if v.BOS < 0 && c.BOSTokenID != nil {
		v.BOS = int32(*c.BOSTokenID)
	}
	for _, id := range c.EOSTokenID {
		switch id := int32(id); {
		case v.EOS < 0:
			v.EOS = id
		case id != v.EOS && id >= 0 && int(id) < c.VocabSize && !slices.Contains(v.Ends, id):
			v.Ends = append(slices.Clip(v.Ends), id)
		}
	}
	return v
}

// fileTypes are the values of general.file_type, by the type of the projections; types that have none get no key.
var fileTypes = map[gguf.Type]uint32{
	gguf.F32: 0, gguf.F16: 1, gguf.Q8_0: 7, gguf.BF16: 32, gguf.TQ1_0: 36, gguf.TQ2_0: 37, gguf.I2_S: 40,
	gguf.Q1_0: 40, gguf.Q2_0: 41, // of llama.cpp, beside bitnet.cpp's
}

// sizeLabel is a count of parameters as GGUF's naming has it, such as 2.4B.
func sizeLabel(n int) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0fK", float64(n)/1e3)
}
