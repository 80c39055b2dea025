package infer

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"trit/infer/sampling"
	"trit/lm"
)

// A prompt that does not fit leaves the session as it was, however long the prompt is.
func TestStepKeepsNothingOfALongPrompt(t *testing.T) {
	m := generatorOf(t, noText{}, 10).session.m
	s, err := m.NewSession(maxBatch + 10)
	if err != nil {
		t.Fatal(err)
	}
	sampler := sampling.New(lm.Sampling{})
	if _, err := s.Step([]int32{1, 2}, sampler); err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string][]int32{
		"too long": slices.Repeat([]int32{1}, maxBatch+9), "a wrong id": append(slices.Repeat([]int32{1}, maxBatch), -1),
	} {
		if _, err := s.Step(ids, sampler); err == nil || s.Len() != 2 {
			t.Errorf("%s: error %v, and the session holds %d tokens, want 2", name, err, s.Len())
		}
	}
	if _, err := s.Step(slices.Repeat([]int32{1}, maxBatch+8), sampler); err != nil || s.Len() != maxBatch+10 {
		t.Errorf("a prompt that just fits: %v, %d tokens", err, s.Len())
	}
}

func TestSamplingWithoutAFile(t *testing.T) {
	s, notes := generatorOf(t, noText{}, 10).session.m.Sampling()
	if !reflect.DeepEqual(s, DefaultSampling) || len(notes) != 0 || s.Validate() != nil {
		t.Errorf("%+v, %v", s, notes)
	}
	for want, wrong := range map[string]lm.Sampling{
		"lm.Sampling.TopP is 2: want a share from 0 to 1": {TopP: 2}, "lm.Sampling.TopK is -1: want 0 or more": {TopK: -1},
	} {
		if err := wrong.Validate(); err == nil || err.Error() != want || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
