package convert

import (
	"fmt"

	"trit/format/gguf"
	"trit/model/ggufmeta"
)

// ggufWarnings is what other engines trip over in a file that is sound.
func ggufWarnings(f *gguf.File) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	architecture, _ := f.Metadata.String("general.architecture")
	warnOfTokenizer(&f.Metadata, warn)
	if _, untied := f.Tensor("output.weight"); untied && architecture == ggufmeta.BitNet158 {
		warn("the head is not tied to the embedding: bitnet.cpp ignores output.weight for bitnet-b1.58")
	}
	types := map[gguf.Type]gguf.TensorInfo{}
	for _, t := range f.Tensors {
		if _, seen := types[t.Type]; !seen {
			types[t.Type] = t
		}
		if t.Type == gguf.I2_S && len(t.Dims) > 0 && t.Dims[0]%128 != 0 {
			warn("%s has rows of %d: I2_S wants a multiple of 128, and engines read garbage otherwise", t.Name, t.Dims[0])
		}
	}
	_, i2s := types[gguf.I2_S]
	_, tq1 := types[gguf.TQ1_0]
	_, tq2 := types[gguf.TQ2_0]
	if i2s {
		warn("I2_S is read by trit and bitnet.cpp, and by ik_llama.cpp after llama-quantize to iq2_bn; llama.cpp and Ollama want --type tq2_0 or tq1_0")
	}
	if (tq1 || tq2) && (architecture == ggufmeta.BitNet158 || architecture == ggufmeta.BitNet25) {
		warn("llama.cpp and Ollama know no architecture %s: of the BitNet models they run those with SiLU (bitnet) and Llamas", architecture)
	}
	return out
}

func warnOfTokenizer(m *gguf.Metadata, warn func(string, ...any)) {
	v := ggufmeta.ReadVocab(m)
	if len(v.Tokens) == 0 {
		warn("there is no tokenizer in the file: engines run it on token ids alone, if at all")
		return
	}
	if v.Pre == "" && v.Model == "gpt2" {
		warn("tokenizer.ggml.pre is missing, the name of the split pattern: other engines split text otherwise without an error")
	}
	if v.EOS < 0 {
		warn("tokenizer.ggml.eos_token_id is missing: other engines take token 11, and do not stop where they should")
	}
	if v.BOS < 0 {
		warn("tokenizer.ggml.bos_token_id is missing: other engines take token 11")
	}
}
