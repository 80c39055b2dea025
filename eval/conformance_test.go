//go:build conformance

package eval

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"trit/tokenizer"
)

const shared = "../../shared/"

// Requests of golden/eval, made by the harness's own rules: the context ids after
// truncation and the continuation ids of every document.
func TestGoldenRequests(t *testing.T) {
	tok, err := tokenizer.Load(shared + "golden/eval/stories260K-hf")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Tokenizer: tok, MaxLength: 512}
	for _, name := range []string{"arc_easy", "boolq"} {
		var golden struct {
			Docs []struct {
				ContextIDs      []int32   `json:"context_token_ids"`
				Dropped         []int     `json:"context_tokens_dropped"`
				ContinuationIDs [][]int32 `json:"continuation_token_ids"`
			}
		}
		b, err := os.ReadFile(shared + "golden/eval/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &golden); err != nil {
			t.Fatal(err)
		}
		task, err := findTask(name)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := task.load(shared + "data/eval")
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for i, want := range golden.Docs {
			for j, cont := range want.ContinuationIDs {
				ctx := want.ContextIDs
				if len(want.Dropped) > 0 {
					ctx = ctx[want.Dropped[j]-slices.Min(want.Dropped):]
				}
				whole := slices.Concat(ctx, cont)
				got := o.encodePair(docs[i].context, " "+docs[i].choices[j])
				if !slices.Equal(got.Input, whole[:len(whole)-1]) || !slices.Equal(got.Targets, cont) {
					t.Errorf("%s: document %d, choice %d: other ids", name, i, j)
				}
				compared++
			}
		}
		t.Logf("%s: %d requests", name, compared)
	}
}
