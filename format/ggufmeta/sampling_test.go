package ggufmeta

import (
	"reflect"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

func TestSampling(t *testing.T) {
	want, err := model.ParseSampling([]byte(`{"temperature": 0.6, "top_k": 50, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1, "do_sample": true}`))
	if err != nil {
		t.Fatal(err)
	}
	var m gguf.Metadata
	WriteSampling(&m, want)
	if got, notes := ReadSampling(&m); !reflect.DeepEqual(got, want) || len(notes) > 0 || len(m.Keys) != 5 {
		t.Errorf("%+v, %v, keys %v: want %+v", got, notes, m.Keys, want)
	}
	for name, c := range map[string]struct {
		key   string
		value any
		topK  int // -1: none
		notes int
	}{
		"negative top_k": {"top_k", int32(-1), 0, 0}, "a text": {"top_k", "many", -1, 1}, "a share of a token": {"top_k", float32(1.5), -1, 1},
		"temperature of words": {"temp", "hot", -1, 1}, "off": {"xtc_probability", float32(0), -1, 0}, "on": {"xtc_probability", float32(0.5), -1, 1},
		"over all tokens": {"penalty_last_n", int32(-1), -1, 0}, "over some": {"penalty_last_n", int32(64), -1, 1}, "unknown": {"sequence", "km", -1, 1},
	} {
		var m gguf.Metadata
		m.Set("general.sampling."+c.key, c.value)
		s, notes := ReadSampling(&m)
		if len(notes) != c.notes || s.Temperature != nil || (s.TopK == nil) != (c.topK < 0) || s.TopK != nil && *s.TopK != c.topK {
			t.Errorf("%s: %+v, %v", name, s, notes)
		}
	}
}
