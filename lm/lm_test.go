package lm

import (
	"math"
	"testing"
	"time"
)

func TestCommonPrefix(t *testing.T) {
	for _, c := range []struct {
		a, b []int32
		want int
	}{
		{nil, nil, 0}, {[]int32{1}, nil, 0}, {[]int32{1, 2, 3}, []int32{1, 2, 4, 3}, 2},
		{[]int32{1, 2}, []int32{1, 2, 3}, 2}, {[]int32{5, 2}, []int32{1, 2}, 0},
	} {
		if got, turned := CommonPrefix(c.a, c.b), CommonPrefix(c.b, c.a); got != c.want || turned != c.want {
			t.Errorf("%v and %v share %d and %d tokens, want %d", c.a, c.b, got, turned, c.want)
		}
	}
}

func TestSamplingValidate(t *testing.T) {
	nan := math.NaN()
	for _, s := range []Sampling{
		{}, {Temperature: 2, TopK: 40, TopP: 1, MinP: 1, RepetitionPenalty: 1.3, Seed: 9}, {TopP: 0.5},
	} {
		if err := s.Validate(); err != nil {
			t.Errorf("%+v is refused: %v", s, err)
		}
	}
	for _, s := range []Sampling{
		{Temperature: -1}, {Temperature: nan}, {TopK: -1}, {TopP: -0.1}, {TopP: 1.1}, {TopP: nan},
		{MinP: -0.1}, {MinP: 1.1}, {MinP: nan}, {RepetitionPenalty: -1}, {RepetitionPenalty: nan},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}

func TestSpeeds(t *testing.T) {
	r := GenerateResult{Tokens: make([]int32, 6), PromptTokens: 120, CachedTokens: 20, Prefill: time.Second / 2, Decode: 3 * time.Second}
	if p, d := r.PrefillTokensPerSecond(), r.DecodeTokensPerSecond(); p != 200 || d != 2 {
		t.Errorf("%g and %g tokens a second, want 200 and 2", p, d)
	}
}
