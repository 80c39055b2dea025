package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// endFolder is a folder with a tokenizer of 6 tokens, EOS 1, and the files given.
func endFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(jsonFile, `{"model":{"type":"BPE","vocab":{"a":0}},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"added_tokens":[
		{"id":1,"content":"<end>","special":true},{"id":2,"content":"<turn>","special":true},{"id":3,"content":"<x>","special":true},
		{"id":4,"content":"<|eom_id|>","special":true},{"id":5,"content":"<b>","special":true}]}`)
	write(configFileName, `{"eos_token":"<end>","bos_token":"<b>"}`)
	for name, content := range files {
		write(name, content)
	}
	return dir
}

func TestEndsThatAModelNames(t *testing.T) {
	const template = `{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}<turn>\n{% endfor %}`
	for name, c := range map[string]struct {
		files      map[string]string
		want, kept []int32 // of EOSIDs, and of those that a GGUF file gets beside EOS
	}{
		"none":              {nil, []int32{1, 4}, nil},
		"one":               {map[string]string{modelConfigFile: `{"eos_token_id": 1}`}, []int32{1, 4}, nil},
		"null":              {map[string]string{modelConfigFile: `{"eos_token_id": null}`}, []int32{1, 4}, nil},
		"no token's":        {map[string]string{modelConfigFile: `{"eos_token_id": [-1, 6, 900]}`}, []int32{1, 4}, nil},
		"list":              {map[string]string{modelConfigFile: `{"eos_token_id": [1, 3]}`}, []int32{1, 3, 4}, []int32{3}},
		"generation config": {map[string]string{generationFile: `{"eos_token_id": [2, 1]}`}, []int32{1, 2, 4}, []int32{2}},
		"both": {map[string]string{modelConfigFile: `{"eos_token_id": 3}`, generationFile: `{"eos_token_id": [0, 4]}`},
			[]int32{1, 3, 0, 4}, []int32{3, 0, 4}},
		"template": {map[string]string{templateFile: template}, []int32{1, 2, 4}, []int32{2}},
		"template that begins the next turn": {map[string]string{templateFile: `{% for m in messages %}{{ m.content }}<b>{% endfor %}`},
			[]int32{1, 4}, nil},
		"template of text":        {map[string]string{templateFile: `{% for m in messages %}{{ m.content }} {{ "END" }}<turn>{% endfor %}`}, []int32{1, 4}, nil},
		"template with an error":  {map[string]string{templateFile: `{{ raise_exception("no") }}`}, []int32{1, 4}, nil},
		"template without an end": {map[string]string{templateFile: `{{ messages[0].content }}<turn>`}, []int32{1, 4}, nil},
	} {
		tok, err := Load(endFolder(t, c.files))
		if err != nil {
			t.Fatal(name, err)
		}
		v := tok.Vocab()
		if got := tok.EOSIDs(); !slices.Equal(got, c.want) || !slices.Equal(v.Ends, c.kept) {
			t.Errorf("%s: got %v, in GGUF %v, want %v and %v", name, got, v.Ends, c.want, c.kept)
		}
		again, err := FromVocab(v)
		if err != nil {
			t.Fatal(name, err)
		}
		if a, b := sortedIDs(again.EOSIDs()), sortedIDs(tok.EOSIDs()); !slices.Equal(a, b) {
			t.Errorf("%s: %v came back as %v", name, b, a)
		}
	}
	if _, err := Load(endFolder(t, map[string]string{generationFile: `{"eos_token_id": "two"}`})); err == nil {
		t.Error("an id that is a text was read")
	}
}

// The end of a turn that is not a special token is text.
func TestEndOfATurnIsASpecialToken(t *testing.T) {
	v := byteVocab(t, "gpt-2")
	for template, want := range map[string][]int32{
		`{% for m in messages %}{{ m.content }}  ={% endfor %}`:                   nil,
		`{% for m in messages %}{{ m.content }}\n</s>{% endfor %}`:                nil, // EOS
		`{% for m in messages %}{{ m.content }} {{ bos_token }}{% endfor %}</s>x`: nil,
	} {
		v.ChatTemplate = template
		tok, err := FromVocab(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Vocab().Ends; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", template, got, want)
		}
	}
}

func TestEndsOutsideTheVocabularyAreRefused(t *testing.T) {
	v := byteVocab(t, "gpt-2")
	for _, id := range []int32{-1, int32(len(v.Tokens))} {
		v.Ends = []int32{id}
		if _, err := FromVocab(v); err == nil {
			t.Errorf("%d of %d tokens ends a text", id, len(v.Tokens))
		}
	}
}

// A prompt gets the tokens before a text once, whether it has them already or not.
func TestPromptThatBeginsWithBOS(t *testing.T) {
	tok, err := FromVocab(byteVocab(t, "llama-bpe"))
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := tok.TokenID("<s>")
	once := append([]int32{bos}, tok.Encode("Hi", false)...)
	for text, want := range map[string][]int32{
		"Hi": once, "<s>Hi": once, "": {bos}, "<s>": {bos}, "<s><s>Hi": append([]int32{bos}, once...),
		"Hi<s>": append(slices.Clone(once), bos),
	} {
		if got := tok.EncodePrompt(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	v := byteVocab(t, "llama-bpe")
	v.AddBOS = false
	if tok, err = FromVocab(v); err != nil {
		t.Fatal(err)
	}
	if got := tok.EncodePrompt("<s>Hi"); !slices.Equal(got, once) {
		t.Errorf("without BOS before a text: got %v, want %v", got, once)
	}
}
