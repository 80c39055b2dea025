package ggufmeta

import (
	"math"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

// scaled is a MiniCPM.
func scaled() *model.Config {
	c := shape()
	c.ScaleEmb, c.ScaleDepth, c.DimModelBase = 12, 1.4, 16
	return c
}

// The scales are written as llama.cpp's converter computes them, and read back as the keys that they
// were made of.
func TestScalesWrittenAndRead(t *testing.T) {
	var m gguf.Metadata
	if err := WriteConfig(&m, Architecture(scaled()), scaled()); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{"embedding_scale": 12, "residual_scale": 1.4 / 2, "logit_scale": 64.0 / 16} {
		if v, _ := m.Float("minicpm." + key); math.Abs(v-want) > 1e-6 {
			t.Errorf("minicpm.%s is %v, want %v", key, v, want)
		}
	}
	got := shape()
	if err := readScales(&m, MiniCPM, got); err != nil || *got != *scaled() {
		t.Errorf("read %v, %v, %v (%v), want 12, 1.4, 16", got.ScaleEmb, got.ScaleDepth, got.DimModelBase, err)
	}
	if _, err := checkKeys(&m, MiniCPM, scaled()); err != nil {
		t.Errorf("the keys that were written: %v", err)
	}
}

func TestScalesThatAreRefused(t *testing.T) {
	for _, key := range []string{"minicpm.embedding_scale", "minicpm.residual_scale", "minicpm.logit_scale"} {
		for _, v := range []any{nil, float32(0), float32(-1), float32(math.NaN()), math.Inf(1), 1e-300, "12"} {
			var m, without gguf.Metadata
			if err := WriteConfig(&m, MiniCPM, scaled()); err != nil {
				t.Fatal(err)
			}
			for _, k := range m.Keys {
				if old, _ := m.Get(k); k != key {
					without.Set(k, old)
				}
			}
			if v != nil {
				without.Set(key, v)
			}
			if err := readScales(&without, MiniCPM, shape()); err == nil || !strings.Contains(err.Error(), "the key "+key+" is ") {
				t.Errorf("%s %v: got %v, want an error that names it", key, v, err)
			}
		}
	}
}
