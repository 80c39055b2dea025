package compare

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"trit/convert/source"
	"trit/model"
	"trit/tokenizer"
)

// parameterDifferences compares the hyper-parameters, in the precision of GGUF's metadata. It
// leaves out sign and half_scales, which say how weights become codes and are no properties of the codes.
func parameterDifferences(a, b *model.Config) []string {
	var out []string
	va, vb := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range va.NumField() {
		key, _, _ := strings.Cut(va.Type().Field(i).Tag.Get("json"), ",")
		x, y := va.Field(i).Interface(), vb.Field(i).Interface()
		if f, ok := x.(float64); ok {
			x, y = float32(f), float32(y.(float64))
		}
		if key == "-" { // of the basis, see Models
			continue
		}
		if key == "rope_scaling" {
			if !a.RopeScaling.Equal(b.RopeScaling) {
				out = append(out, fmt.Sprintf("rope_scaling is %v and %v", a.RopeScaling, b.RopeScaling))
			}
			continue
		}
		if x != y && key != "sign" && key != "half_scales" {
			out = append(out, fmt.Sprintf("%s is %v and %v", key, x, y))
		}
	}
	return out
}

// tokenizerDifferences compares everything in the tokenizers that changes the tokens of a text, and
// the pooling of embeddings.
func tokenizerDifferences(a, b *source.Model) (out []string, err error) {
	va, err := vocabOf(a)
	if err != nil {
		return nil, err
	}
	vb, err := vocabOf(b)
	if err != nil {
		return nil, err
	}
	if x, y := a.Pooling(), b.Pooling(); x != y {
		out = append(out, fmt.Sprintf("the pooling of embeddings is %d and %d, as GGUF numbers them", x, y))
	}
	switch {
	case len(va.Tokens) == 0 && len(vb.Tokens) == 0:
		return out, nil
	case len(va.Tokens) == 0 || len(vb.Tokens) == 0:
		return append(out, "one of the models has no tokenizer"), nil
	}
	out = append(out, tokenDifferences(&va, &vb)...)
	out = append(out, settingDifferences(&va, &vb)...)
	return append(out, behaviourDifferences(a.Path, b.Path, va, vb)...), nil
}

// vocabOf is the tokenizer of a model, with the ids that its configuration has where the
// tokenizer has none, as files of both are read.
func vocabOf(m *source.Model) (tokenizer.Vocab, error) {
	v, err := m.Vocab()
	if err != nil {
		return v, fmt.Errorf("%s: %w", m.Path, err)
	}
	if v.BOS < 0 && m.Config.BOSTokenID != nil {
		v.BOS = int32(*m.Config.BOSTokenID)
	}
	if v.EOS < 0 && len(m.Config.EOSTokenID) > 0 {
		v.EOS = int32(m.Config.EOSTokenID[0])
	}
	return v, nil
}

// typeUnused is the kind of a token that no text has.
const typeUnused = 5

// tokenDifferences compares the tokens one by one: their texts, their kinds and, of
// SentencePiece, their scores. It names the first that differs. One tokenizer may name the
// unused rows of the embedding.
func tokenDifferences(a, b *tokenizer.Vocab) []string {
	for id := range max(len(a.Tokens), len(b.Tokens)) {
		switch {
		case id >= len(a.Tokens) || id >= len(b.Tokens):
			longer := a
			if id >= len(a.Tokens) {
				longer = b
			}
			if kindOf(longer, id) != typeUnused {
				return []string{fmt.Sprintf("they have %d and %d tokens, and token %d, %q, is in use", len(a.Tokens), len(b.Tokens),
					id, longer.Tokens[id])}
			}
		case a.Tokens[id] != b.Tokens[id]:
			return []string{fmt.Sprintf("token %d is %q and %q", id, a.Tokens[id], b.Tokens[id])}
		case kindOf(a, id) != kindOf(b, id):
			return []string{fmt.Sprintf("token %d, %q, is of kind %d and %d", id, a.Tokens[id], kindOf(a, id), kindOf(b, id))}
		case a.Model == "llama" && b.Model == "llama" && scoreOf(a, id) != scoreOf(b, id):
			return []string{fmt.Sprintf("token %d, %q, has the score %g and %g", id, a.Tokens[id], scoreOf(a, id), scoreOf(b, id))}
		}
	}
	return nil
}

// kindOf is the kind of a token, 1 (normal) where the tokenizer has none.
func kindOf(v *tokenizer.Vocab, id int) int32 {
	if id < len(v.Types) {
		return v.Types[id]
	}
	return 1
}

func scoreOf(v *tokenizer.Vocab, id int) float32 {
	if id < len(v.Scores) {
		return v.Scores[id]
	}
	return 0
}

// behaviourDifferences compares what the tokenizers do. One that cannot be made differs from
// one that can; of two, the name of the split and the merges are compared as they stand there.
func behaviourDifferences(pathA, pathB string, a, b tokenizer.Vocab) []string {
	ta, errA := tokenizer.FromVocab(a)
	tb, errB := tokenizer.FromVocab(b)
	switch {
	case errA == nil && errB == nil:
		return tokenizer.Differences(ta, tb)
	case errA != nil && errB != nil:
		return listDifferences(&a, &b)
	case errA != nil:
		pathB, errB = pathA, errA
	}
	return []string{fmt.Sprintf("that of %s cannot be used: %v", pathB, errB)}
}

// listDifferences compares the name of the split and the merges of tokenizers that cannot be made.
func listDifferences(a, b *tokenizer.Vocab) (out []string) {
	if a.Pre != b.Pre {
		out = append(out, fmt.Sprintf("it is of kind %s and %s", a.Pre, b.Pre))
	}
	if !slices.Equal(a.Merges, b.Merges) {
		out = append(out, fmt.Sprintf("the merges differ, %d and %d of them", len(a.Merges), len(b.Merges)))
	}
	return out
}

// settingDifferences compares what tokenizer.Differences does not: the model, the special tokens,
// the flags and the chat templates.
func settingDifferences(a, b *tokenizer.Vocab) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.Model != b.Model {
		say("it is of model %s and %s", a.Model, b.Model)
	}
	for _, id := range []struct {
		name string
		a, b int32
	}{{"bos", a.BOS, b.BOS}, {"eos", a.EOS, b.EOS}, {"unknown", a.UNK, b.UNK}} {
		if id.a != id.b {
			say("%s is token %d and %d", id.name, id.a, id.b)
		}
	}
	for _, flag := range []struct {
		name string
		a, b bool
	}{
		{"add_bos_token", a.AddBOS, b.AddBOS}, {"add_eos_token", a.AddEOS, b.AddEOS},
		{"add_space_prefix", a.AddSpacePrefix, b.AddSpacePrefix},
	} {
		if flag.a != flag.b {
			say("%s is %v and %v", flag.name, flag.a, flag.b)
		}
	}
	if a.ChatTemplate != b.ChatTemplate {
		say("the chat templates differ")
	}
	names := map[string]bool{}
	for _, v := range []*tokenizer.Vocab{a, b} {
		for name := range v.Templates {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a.Templates[name] != b.Templates[name] {
			say("the chat templates named %s differ", name)
		}
	}
	return out
}
