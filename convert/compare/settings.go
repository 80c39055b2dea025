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
		if key == "rope_scaling" {
			if !a.RopeScaling.Equal(b.RopeScaling) {
				out = append(out, fmt.Sprintf("rope_scaling is %v and %v", a.RopeScaling, b.RopeScaling))
			}
			continue
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
	var out []string
	tokens := min(len(va.Tokens), len(vb.Tokens)) // one may name the unused rows of the embedding
	for id := range tokens {
		if va.Tokens[id] != vb.Tokens[id] {
			out = append(out, fmt.Sprintf("token %d is %q and %q", id, va.Tokens[id], vb.Tokens[id]))
			break
		}
	}
	return append(out, settingDifferences(&va, &vb)...), nil
}

func settingDifferences(a, b *tokenizer.Vocab) (out []string) {
	if a.Model != b.Model || a.Pre != b.Pre {
		out = append(out, fmt.Sprintf("it is of kind %s %s and %s %s", a.Model, a.Pre, b.Model, b.Pre))
	}
	if !slices.Equal(a.Merges, b.Merges) && a.Model != "llama" {
		out = append(out, fmt.Sprintf("the merges differ, %d and %d of them", len(a.Merges), len(b.Merges)))
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
