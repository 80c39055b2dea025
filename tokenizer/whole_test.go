package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// changed is the tokenizer.json of byteVocab after a change.
func changed(t *testing.T, pre string, change func(file object)) []byte {
	t.Helper()
	made, err := FromVocab(byteVocab(t, pre))
	if err != nil {
		t.Fatal(err)
	}
	files, err := made.Files()
	if err != nil {
		t.Fatal(err)
	}
	var file object
	if err := json.Unmarshal(files[jsonFile], &file); err != nil {
		t.Fatal(err)
	}
	change(file)
	b, err := encodeJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func setAdded(flag string) func(object) {
	return func(file object) { file["added_tokens"].([]any)[1].(object)[flag] = true }
}

// What the keys of GGUF cannot hold goes there with the whole file, and comes back byte by
// byte; without the file the difference is found.
func TestWhatGGUFCannotHold(t *testing.T) {
	model := func(key string, value any) func(object) {
		return func(file object) { file["model"].(object)[key] = value }
	}
	part := func(key string, value any) func(object) { return func(file object) { file[key] = value } }
	for name, c := range map[string]struct {
		pre    string
		change func(object)
		want   string
	}{
		"ignore_merges": {"llama-bpe", model("ignore_merges", false), "ignore_merges is false and true"},
		"Qwen's NFC":    {"qwen2", part("normalizer", nil), `the normalizer is none and ["NFC"]`},
		"a normalizer":  {"gpt-2", part("normalizer", object{"type": "Lowercase"}), `the normalizer is ["Lowercase"] and none`},
		"a pattern":     {"gpt-2", part("pre_tokenizer", sequence(splitBy("[a-z]"), byteLevel(false))), "the pre-tokenizer is"},
		"rstrip":        {"gpt-2", setAdded("rstrip"), `is "</s>" special rstrip and "</s>" special`},
		"lstrip":        {"gpt-2", setAdded("lstrip"), `is "</s>" special lstrip and "</s>" special`},
		"normalized":    {"gpt-2", setAdded("normalized"), `is "</s>" special normalized and "</s>" special`},
		"single_word":   {"gpt-2", setAdded("single_word"), `is "</s>" special single_word and "</s>" special`},
		"two tokens":    {"gpt-2", func(file object) { before(file["post_processor"].(object)) }, `before a text is ["<s>" "</s>"] and`},
		"a truncation":  {"gpt-2", part("truncation", object{"max_length": 8}), ""},
		"nothing":       {"gpt-2", func(object) {}, ""},
	} {
		b := changed(t, c.pre, c.change)
		tok, err := Parse(b, []byte(`{"bos_token":"<s>","eos_token":"</s>"}`))
		if err != nil {
			t.Fatal(name, err)
		}
		v := tok.Vocab()
		if name == "nothing" {
			if v.HuggingFace != "" {
				t.Errorf("the whole file is kept without need")
			}
			continue
		}
		if v.HuggingFace != string(b) {
			t.Fatalf("%s: %d bytes of %d are kept", name, len(v.HuggingFace), len(b))
		}
		again, err := FromVocab(v)
		if err != nil || len(again.Notes()) > 0 {
			t.Fatal(name, err, again.Notes())
		}
		if d := Differences(tok, again); len(d) > 0 {
			t.Errorf("%s: it came back otherwise: %v", name, d)
		}
		files, err := again.Files()
		if err != nil || string(files[jsonFile]) != string(b) {
			t.Errorf("%s: the file is another: %v", name, err)
		}
		back, err := parseFiles(files)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := Differences(tok, back); len(d) > 0 || back.BOS() != tok.BOS() || back.EOS() != tok.EOS() {
			t.Errorf("%s: its files are read otherwise: %v, BOS %d, EOS %d", name, d, back.BOS(), back.EOS())
		}
		for _, text := range readVectors(t).Strings {
			if got, want := again.Encode(text, true), tok.Encode(text, true); !slices.Equal(got, want) {
				t.Fatalf("%s: %q is %v, want %v", name, text, got, want)
			}
		}
		v.HuggingFace = ""
		keys, err := FromVocab(v)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := fmt.Sprint(Differences(tok, keys)); !strings.Contains(got, c.want) {
			t.Errorf("%s: without the file: %s, want %s", name, got, c.want)
		}
	}
}

// before puts EOS behind the BOS before a text.
func before(processor object) {
	single := processor["single"].([]any)
	special := processor["special_tokens"].(object)
	id := special["<s>"].(object)["ids"].([]any)[0].(float64)
	special["</s>"] = object{"id": "</s>", "ids": []any{id + 1}, "tokens": []any{"</s>"}}
	processor["single"] = []any{single[0], object{"SpecialToken": object{"id": "</s>", "type_id": 0}}, single[1]}
}

// A file of another vocabulary, or one that cannot be read, is not used, and that is said.
func TestWholeFileThatDoesNotFit(t *testing.T) {
	good := string(changed(t, "gpt-2", setAdded("rstrip")))
	for name, c := range map[string]struct{ file, want string }{
		"a token":    {strings.ReplaceAll(good, `"</s>"`, `"</t>"`), "its token 577"},
		"merges":     {string(changed(t, "gpt-2", func(f object) { m := f["model"].(object); m["merges"] = m["merges"].([]any)[1:] })), "merges are not those"},
		"no JSON":    {"{", "JSON"},
		"a Unigram":  {string(changed(t, "gpt-2", func(f object) { f["model"].(object)["type"] = "Unigram" })), "Unigram"},
		"more":       {strings.Replace(good, `"id": 576,`, `"id": 600,`, 1), ""},
		"good":       {good, ""},
		"other kind": {`{"model":{"type":"BPE","vocab":{"a":0}}}`, "its token"},
	} {
		v := byteVocab(t, "gpt-2")
		v.HuggingFace = c.file
		tok, err := FromVocab(v)
		if err != nil {
			t.Fatal(name, err)
		}
		notes := fmt.Sprint(tok.Notes())
		if used := tok.packed; used != (name == "good") || !strings.Contains(notes, c.want) || !used && !strings.Contains(notes, "tokenizer.huggingface.json is not used") {
			t.Errorf("%s: used: %v, notes %s", name, tok.packed, notes)
		}
	}
}

// A BOS that the template of tokenizer.json alone names, without a tokenizer_config.json, comes
// back from a GGUF file's vocabulary.
func TestBOSOfTheTemplateAlone(t *testing.T) {
	file, err := os.ReadFile("../testdata/checkpoints/hf-bitnet-bf16/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := tok.EncodePrompt("a text")
	again, err := FromVocab(tok.Vocab())
	if err != nil {
		t.Fatal(err)
	}
	if got := again.EncodePrompt("a text"); want[0] != 504 || !slices.Equal(got, want) || again.BOS() != 504 {
		t.Errorf("got %v with BOS %d, want %v", got, again.BOS(), want)
	}
}
