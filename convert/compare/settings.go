package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"trit/convert/source"
	"trit/model"
	"trit/tokenizer"
)

// parameterDifferences compares the hyper-parameters, in the precision of GGUF's metadata.
// How weights were rounded to get the codes (sign) is not a property of the codes.
func parameterDifferences(a, b *model.Config) []string {
	var out []string
	va, vb := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range va.NumField() {
		key, _, _ := strings.Cut(va.Type().Field(i).Tag.Get("json"), ",")
		x, y := va.Field(i).Interface(), vb.Field(i).Interface()
		if f, ok := x.(float64); ok {
			x, y = float32(f), float32(y.(float64))
		}
		if x != y && key != "sign" {
			out = append(out, fmt.Sprintf("%s is %v and %v", key, x, y))
		}
	}
	return out
}

// tokenizerDifferences compares tokenizers where both models have one.
func tokenizerDifferences(a, b *source.Model) ([]string, error) {
	va, err := a.Vocab()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	vb, err := b.Vocab()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Path, err)
	}
	if len(va.Tokens) == 0 || len(vb.Tokens) == 0 {
		return nil, nil
	}
	out := tokenDifferences(va.Tokens, vb.Tokens)
	out = append(out, settingDifferences(&va, &vb)...)
	return append(out, behaviourDifferences(a.Path, b.Path, va, vb)...), nil
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

func listDifferences(a, b *tokenizer.Vocab) (out []string) {
	if a.Pre != b.Pre {
		out = append(out, fmt.Sprintf("it is of kind %s and %s", a.Pre, b.Pre))
	}
	if !slices.Equal(a.Merges, b.Merges) {
		out = append(out, fmt.Sprintf("the merges differ, %d and %d of them", len(a.Merges), len(b.Merges)))
	}
	return out
}

// tokenDifferences names the first token that differs. One of the lists may name the unused
// rows of the embedding.
func tokenDifferences(a, b []string) []string {
	for id := range min(len(a), len(b)) {
		if a[id] != b[id] {
			return []string{fmt.Sprintf("token %d is %q and %q", id, a[id], b[id])}
		}
	}
	return nil
}

// settingDifferences compares what tokenizer.Differences does not: the special tokens and
// the chat templates.
func settingDifferences(a, b *tokenizer.Vocab) (out []string) {
	if a.Model != b.Model {
		out = append(out, fmt.Sprintf("it is of kind %s and %s", a.Model, b.Model))
	}
	for _, id := range []struct {
		name string
		a, b int32
	}{{"bos", a.BOS, b.BOS}, {"eos", a.EOS, b.EOS}} {
		if id.a != id.b && id.a >= 0 && id.b >= 0 {
			out = append(out, fmt.Sprintf("%s is token %d and %d", id.name, id.a, id.b))
		}
	}
	if a.AddBOS != b.AddBOS || a.AddEOS != b.AddEOS {
		out = append(out, fmt.Sprintf("add_bos_token and add_eos_token are %v, %v and %v, %v",
			a.AddBOS, a.AddEOS, b.AddBOS, b.AddEOS))
	}
	if a.ChatTemplate != b.ChatTemplate {
		out = append(out, "the chat templates differ")
	}
	return out
}
