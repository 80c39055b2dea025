package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestStreamedUsage is null in all parts but the last, and there only where it is asked for.
func TestStreamedUsage(t *testing.T) {
	_, url := serve(t, "a", "b")
	for path, rest := range map[string]string{"/v1/chat/completions": `"messages":[{"role":"user","content":"hi"}]`, "/v1/completions": `"prompt":"hi"`} {
		for options, want := range map[string]bool{`"stream_options":{"include_usage":true},`: true, "": false} {
			_, got := post(t, url+path, `{"stream":true,`+options+rest+`}`)
			parts := strings.Split(strings.TrimSpace(got), "\n\n")
			for _, part := range parts[:len(parts)-2] {
				if strings.Contains(part, `"usage":null`) != want || strings.Contains(part, `"usage":{`) {
					t.Errorf("%s %s: the part %s", path, options, part)
				}
			}
			if last := parts[len(parts)-2]; strings.Contains(last, `"choices":[],"usage":{`) != want || parts[len(parts)-1] != "data: [DONE]" {
				t.Errorf("%s %s: the stream ends with %s", path, options, last)
			}
		}
	}
}

// TestStreamedOffsets are of the whole answer, not of a part.
func TestStreamedOffsets(t *testing.T) {
	_, url := serve(t, "a", "b", "c")
	_, got := post(t, url+"/v1/completions", `{"stream":true,"prompt":"hi","logprobs":1,"n":2}`)
	offsets := map[int]string{}
	for part := range strings.SplitSeq(got, "\n\n") {
		var c struct {
			Choices []struct {
				Index    int
				LogProbs struct {
					Offsets []int `json:"text_offset"`
				}
			}
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(part, "data: ")), &c) == nil {
			for _, choice := range c.Choices {
				offsets[choice.Index] += fmt.Sprint(choice.LogProbs.Offsets)
			}
		}
	}
	if want := "[0][1][2][]"; offsets[0] != want || offsets[1] != want {
		t.Errorf("the offsets are %v, want %s", offsets, want)
	}
}
