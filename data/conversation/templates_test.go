package conversation

import (
	"strings"
	"testing"

	"trit/tokenizer"
)

// with is a trained tokenizer with further special tokens.
func with(t *testing.T, special ...string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("a b c a b c", nil) }, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	for _, name := range special {
		v.Tokens, v.Types = append(v.Tokens, name), append(v.Types, 3)
	}
	if tok, err = tokenizer.FromVocab(v); err != nil {
		t.Fatal(err)
	}
	return tok
}

// Each template tells what the assistant says, and ends a turn with a special token.
func TestUsualTemplates(t *testing.T) {
	messages := []tokenizer.Message{{Role: userRole, Content: "q"}, {Role: assistantRole, Content: "a"}, {Role: userRole, Content: "r"}, {Role: assistantRole, Content: "b"}}
	for _, name := range TemplateNames() {
		tok := with(t, templates[name].tokens...)
		text, err := Template(name, tok)
		if err != nil {
			t.Fatal(err)
		}
		if tok, err = tok.WithChatTemplate(text); err != nil {
			t.Fatal(err)
		}
		e, err := tok.ChatEncoder()
		if err != nil {
			t.Fatal(err)
		}
		l, err := e.Encode(tokenizer.ChatRequest{Messages: messages}, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		learned, ends := "", 0
		for i, id := range l.IDs {
			if l.Learn[i] {
				learned += string(tok.TokenBytes(id))
				if tok.TokenBytes(id) == nil {
					ends++
				}
			}
		}
		if learned != "ab" || ends != 2 || l.Bytes != 2 {
			t.Errorf("%s: %q is learned with %d special tokens, %d bytes", name, learned, ends, l.Bytes)
		}
		_, err = e.Encode(tokenizer.ChatRequest{Messages: []tokenizer.Message{{Role: assistantRole, Null: true}}}, 0)
		if err == nil || !strings.Contains(err.Error(), "is not text") {
			t.Errorf("%s: a message without text: %v", name, err)
		}
		if templates[name].tokens == nil {
			continue
		}
		if _, err := Template(name, with(t)); err == nil || !strings.Contains(err.Error(), "lacks "+templates[name].tokens[0]) {
			t.Errorf("%s for a tokenizer without its tokens: %v", name, err)
		}
	}
	if _, err := Template("x", with(t)); err == nil || !strings.Contains(err.Error(), "want chatml, llama3 or plain") {
		t.Errorf("an unknown name: %v", err)
	}
}
