package inspect

import (
	"fmt"
	"strings"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/packing"
	"trit/model"
	"trit/setting"
)

// ggufWarnings lists the problems that other engines have with a sound file.
func ggufWarnings(f *gguf.File) (out []setting.Note) {
	warn := func(format string, args ...any) { out = append(out, setting.Note(fmt.Sprintf(format, args...))) }
	architecture, _ := f.Metadata.String("general.architecture")
	warnOfTokenizer(&f.Metadata, warn)
	if _, untied := f.Tensor("output.weight"); untied && architecture == ggufmeta.BitNet158 {
		warn("the head is not tied to the embedding: bitnet.cpp ignores output.weight for bitnet-b1.58")
	}
	m, err := ggufmeta.ReadModel(f)
	if err != nil {
		return out // Read says why it is no model that can be converted
	}
	first, _ := f.Tensor(m.Config.FirstProjection().GGUF)
	return append(out, packing.Warnings(&m.Config, first.Type)...)
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

// rowWarnings lists the sizes of a folder's model whose rows of ternary weights types of GGUF cannot
// hold.
func rowWarnings(c *model.Config) (out []setting.Note) {
	if !c.Ternary {
		return nil
	}
	if err := packing.Check(c); err != nil {
		return []setting.Note{setting.Note(err.Error() + "; several tools write garbage for such rows")}
	}
	var misfits []packing.Misfit
	types := map[packing.Misfit][]string{}
	for _, t := range packing.Ternary {
		for _, m := range packing.Misfits(c, t) {
			if types[m] == nil {
				misfits = append(misfits, m)
			}
			types[m] = append(types[m], strings.ToLower(t.String()))
		}
	}
	for _, m := range misfits {
		text := fmt.Sprintf("%s, so %s cannot hold its rows", m, strings.Join(types[m], " and "))
		if m.Pads {
			text += "; {convert.Options.Pad} pads it in a conversion"
		}
		out = append(out, setting.Note(text))
	}
	return out
}
