package inspect

import (
	"fmt"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/model"
	"trit/setting"
)

// ggufWarnings lists the problems that other engines have with a sound file.
func ggufWarnings(f *gguf.File) (out []setting.Note) {
	warn := func(format string, args ...any) { out = append(out, setting.Note(fmt.Sprintf(format, args...))) }
	architecture, _ := f.Metadata.String("general.architecture")
	warnOfTokenizer(&f.Metadata, warn)
	warnOfRotary(f, architecture, warn)
	if _, untied := f.Tensor("output.weight"); untied && architecture == ggufmeta.BitNet158 {
		warn("the head is not tied to the embedding: bitnet.cpp ignores output.weight for bitnet-b1.58")
	}
	has := map[gguf.Type]bool{}
	for _, t := range f.Tensors {
		has[t.Type] = true
	}
	if has[gguf.I2_S] {
		warn("I2_S is read by trit and bitnet.cpp, and by ik_llama.cpp after llama-quantize to iq2_bn; " +
			"llama.cpp and Ollama want {convert.Options.Type} tq2_0 or tq1_0")
	}
	if (has[gguf.TQ1_0] || has[gguf.TQ2_0]) && (architecture == ggufmeta.BitNet158 || architecture == ggufmeta.BitNet25) {
		warn("llama.cpp and Ollama do not know the architecture %s: they run BitNet models with SiLU "+
			"(architecture bitnet) and Llamas", architecture)
	}
	return out
}

// warnOfRotary names what llama.cpp does not load for an architecture: tensors of factors for all
// but llama, heads that are turned in part for llama and qwen3.
func warnOfRotary(f *gguf.File, architecture string, warn func(string, ...any)) {
	for _, t := range f.Tensors {
		if ggufmeta.IsRotaryTensor(t.Name) && architecture != ggufmeta.Llama {
			warn("the rotary scaling stands in the tensor %s: llama.cpp loads it for architecture llama, and refuses this "+
				"file of architecture %s", t.Name, architecture)
			break
		}
	}
	number := func(key string) uint64 {
		n, _ := f.Metadata.Uint(architecture + "." + key)
		return n
	}
	turned, size := number("rope.dimension_count"), number("attention.key_length")
	if size == 0 {
		size = number("embedding_length") / max(1, number("attention.head_count"))
	}
	if turned > 0 && turned < size && (architecture == ggufmeta.Llama || architecture == ggufmeta.Qwen3) {
		warn("the rotary embedding turns %d of the %d values of a head: llama.cpp does not load such a file of "+
			"architecture %s", turned, size, architecture)
	}
}

func warnOfTokenizer(m *gguf.Metadata, warn func(string, ...any)) {
	v := ggufmeta.ReadVocab(m)
	if len(v.Tokens) == 0 {
		warn("there is no tokenizer in the file: engines run it on token ids alone, if at all")
		return
	}
	if v.Pre == "" && v.Model == "gpt2" {
		warn("tokenizer.ggml.pre, the name of the split pattern, is missing: other engines split text in another " +
			"way, without an error")
	}
	if v.EOS < 0 {
		warn("tokenizer.ggml.eos_token_id is missing: other engines take token 11, and do not end an answer at its end")
	}
	if v.BOS < 0 {
		warn("tokenizer.ggml.bos_token_id is missing: other engines take token 11")
	}
}

// rowWarnings lists the sizes of a model whose rows of ternary weights the ternary types of GGUF
// cannot hold. A GGUF file with such rows is refused when it is opened.
func rowWarnings(c *model.Config) (out []setting.Note) {
	if !c.Ternary {
		return nil
	}
	warn := func(format string, args ...any) { out = append(out, setting.Note(fmt.Sprintf(format, args...))) }
	for _, size := range []struct {
		key   string
		value int
		hint  string
	}{
		{"hidden_size", c.HiddenSize, ""}, {"num_attention_heads * head_dim", c.QDim(), ""},
		{"intermediate_size", c.IntermediateSize, "; {convert.Options.Pad} pads it in a conversion"},
	} {
		switch {
		case size.value%gguf.I2_S.Block() != 0:
			warn("%s is %d, no multiple of %d: no ternary type of GGUF holds such rows, and several tools write garbage%s",
				size.key, size.value, gguf.I2_S.Block(), size.hint)
		case size.value%gguf.TQ2_0.Block() != 0:
			warn("%s is %d, no multiple of %d: tq1_0 and tq2_0, which llama.cpp and Ollama read, cannot hold such rows%s",
				size.key, size.value, gguf.TQ2_0.Block(), size.hint)
		}
	}
	return out
}
