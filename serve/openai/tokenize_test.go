package openai

import (
	"strings"
	"testing"
)

// TestTokens turns text into tokens and back.
func TestTokens(t *testing.T) {
	_, url := serve(t)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"tokenize", `{"content":"a words"}`, 200, `{"tokens":[97,257,258,259]}`},
		{"tokenize", `{"content":"a","add_special":true}`, 200, `{"tokens":[260,97]}`},
		{"tokenize", `{"content":"","add_special":false}`, 200, `{"tokens":[]}`},
		{"tokenize", `{"content":"a\u00e1","with_pieces":true}`, 200, `{"tokens":[{"id":97,"piece":"a"},{"id":195,"piece":[195]},{"id":161,"piece":[161]}]}`},
		{"tokenize", `{}`, 400, `"param":"content"`},
		{"tokenize", `{"content":"a","special":true}`, 400, `"param":"special","code":"not_supported"`},
		{"tokenize", `{"content":"a","add_special":true,"parse_special":true}`, 200, `{"tokens":[260,97]}`},
		{"tokenize", `{"content":"a","model":"x"}`, 404, `"model_not_found"`},
		{"detokenize", `{"tokens":[260,97,257,258,259]}`, 200, `{"content":"a words"}`},
		{"detokenize", `{"tokens":[]}`, 200, `{"content":""}`},
		{"detokenize", `{"tokens":[999]}`, 400, `"param":"tokens[0]"`},
		{"detokenize", `{}`, 400, `"param":"tokens"`},
	} {
		status, got := post(t, url+"/"+c.path, c.body)
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, status, got, c.want)
		}
	}
	_, m := newModel(t)
	name := m.Tokenizer.Vocab().Tokens[260]
	if _, got := post(t, url+"/tokenize", `{"content":"`+name+`","parse_special":true}`); got != `{"tokens":[260]}`+"\n" {
		t.Errorf("the special token %s becomes %s", name, got)
	}
	if _, got := post(t, url+"/tokenize", `{"content":"`+name+`"}`); strings.Contains(got, "260") {
		t.Errorf("the text %s becomes a special token: %s", name, got)
	}
}
