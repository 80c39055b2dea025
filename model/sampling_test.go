package model

import (
	"fmt"
	"testing"
)

func TestParseSampling(t *testing.T) {
	for text, want := range map[string]string{
		`{"eos_token_id": 2}`:                           "map[]",
		`{"do_sample": false, "temperature": 0.6}`:      "map[]", // which transformers ignores too
		`{"top_k": 50}`:                                 "map[do_sample:true top_k:50]",
		`{"do_sample": true, "temperature": 0, "x": 1}`: "map[do_sample:true temperature:0]",
	} {
		s, err := ParseSampling([]byte(text))
		keys := s.Keys()
		for k, v := range keys {
			switch p := v.(type) {
			case *float64:
				keys[k] = *p
			case *int:
				keys[k] = *p
			}
		}
		if got := fmt.Sprint(keys); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := ParseSampling([]byte(`{"temperature": "hot"}`)); err == nil {
		t.Error("a temperature of words is taken")
	}
}

// What is wrong with many tensors in the same way is said once.
func TestJoinFirstSaysItOnce(t *testing.T) {
	var errs []error
	for i := range 30 {
		errs = append(errs, &Fault{[]string{fmt.Sprintf("q%d", i)}, fmt.Errorf("rows of %d", 100+i/29)})
	}
	const want = "q0, q1 and 27 more: rows of 100\nq29: rows of 101"
	if got := JoinFirst(errs).Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := JoinFirst(errs).Error(); got != want {
		t.Errorf("the second time %q", got)
	}
}
