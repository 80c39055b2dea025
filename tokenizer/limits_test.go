package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// part is a tokenizer.json with a vocabulary of one token and more fields.
func part(fields string) string { return `{"model":{"type":"BPE","vocab":{"a":0}},` + fields + `}` }

// nested is depth sequences in one another.
func nested(list string, depth int) string {
	return strings.Repeat(`{"type":"Sequence","`+list+`":[`, depth) + strings.Repeat(`]}`, depth)
}

func TestRejects(t *testing.T) {
	long := strings.Repeat("a", maxTokenBytes+1)
	ids := "[" + strings.Repeat("0,", maxTemplateTokens) + "0]"
	replace := func(content string, times int) string {
		one := `{"type":"Replace","pattern":{"String":"a"},"content":"` + content + `"}`
		return part(`"normalizer":{"type":"Sequence","normalizers":[` + strings.Repeat(one+",", times-1) + one + `]}`)
	}
	for _, c := range []struct{ name, file, says string }{
		{"not JSON", `{`, "JSON"},
		{"no vocabulary", `{"model":{"type":"BPE"}}`, "0 tokens"},
		{"word piece", `{"model":{"type":"WordPiece","vocab":{"a":0}}}`, "WordPiece"},
		{"negative id", `{"model":{"type":"BPE","vocab":{"a":-1}}}`, "id -1"},
		{"huge id", `{"model":{"type":"BPE","vocab":{"a":99999999}}}`, "id 99999999"},
		{"holes", `{"model":{"type":"BPE","vocab":{"a":0,"b":70000}}}`, "at most 65536 ids without a token"},
		{"two of one id", `{"model":{"type":"BPE","vocab":{"a":0,"b":0}}}`, "both have id 0"},
		{"unknown merge", `{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`, "not in the vocabulary"},
		{"bad merge", `{"model":{"type":"BPE","vocab":{"a":0},"merges":["ab"]}}`, "two tokens"},
		{"merge of three", `{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a","b","c"]]}}`, "two tokens"},
		{"long token name", `{"model":{"type":"BPE","vocab":{"` + long + `":0}}}`, "at most 16384 bytes"},
		{"huge added id", part(`"added_tokens":[{"id":99999999,"content":"x"}]`), "id 99999999"},
		{"holes before added", part(`"added_tokens":[{"id":70000,"content":"x"}]`), "65536"},
		{"long added name", part(`"added_tokens":[{"id":1,"content":"` + long + `"}]`), "at most 16384 bytes"},
		{"added renamed", part(`"added_tokens":[{"id":0,"content":"x"}]`), "both have id 0"},
		{"added renumbered", part(`"added_tokens":[{"id":1,"content":"a"}]`), "ids 0 and 1"},
		{"added twice", part(`"added_tokens":[{"id":1,"content":"x"},{"id":2,"content":"x"}]`), "ids 1 and 2"},
		{"many added", part(`"added_tokens":[` + strings.Repeat("{},", maxAdded) + `{}]`), "more than 65536 added"},
		{"added is no list", part(`"added_tokens":{}`), "not a list"},
		{"unknown normalizer", part(`"normalizer":{"type":"Mystery"}`), "Mystery"},
		{"unknown split", part(`"pre_tokenizer":{"type":"Mystery"}`), "Mystery"},
		{"unknown post-processor", part(`"post_processor":{"type":"Mystery"}`), "Mystery"},
		{"unknown decoder", part(`"decoder":{"type":"BPEDecoder","suffix":"</w>"}`), `decoder: type "BPEDecoder"`},
		{"decoder of another mark", part(`"decoder":{"type":"Metaspace","replacement":"_","prepend_scheme":"always"}`), `decoder: type "Metaspace"`},
		{"decoder of another text", part(`"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "}]}`), `decoder: type "Replace"`},
		{"decoder of two spaces", part(`"decoder":{"type":"Strip","content":" ","start":2,"stop":0}`), `decoder: type "Strip"`},
		{"decoder of an end", part(`"decoder":{"type":"Strip","content":" ","start":0,"stop":1}`), `decoder: type "Strip"`},
		{"punctuation removed", part(`"pre_tokenizer":{"type":"Punctuation","behavior":"Removed"}`), "Punctuation with behavior Removed"},
		{"broken pattern", part(`"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"("}}`), "not a pattern"},
		{"huge pattern", part(`"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"` + strings.Repeat("(", maxPatternBytes+1) + `"}}`), "at most 16384"},
		{"long mark", part(`"pre_tokenizer":{"type":"Metaspace","replacement":"aaaaa"}`), "one character"},
		{"deep normalizers", part(`"normalizer":` + nested("normalizers", 12)), "deeper than 8"},
		{"deep pre-tokenizers", part(`"pre_tokenizer":` + nested("pretokenizers", 12)), "deeper than 8"},
		{"deep processors", part(`"post_processor":` + nested("processors", 12)), "deeper than 8"},
		{"deep decoders", part(`"decoder":` + nested("decoders", 12)), "deeper than 8"},
		{"deeper than JSON", part(`"decoder":` + nested("decoders", 12000)), "depth"},
		{"large component", part(`"normalizer":{"type":"Sequence","normalizers":[` + strings.Repeat("{},", maxComponentBytes/3) + `{}]}`), "at most 1048576"},
		{"long prefix", part(`"normalizer":{"type":"Prepend","prepend":"` + long + `"}`), "at most 16384"},
		{"replaced by much", replace(strings.Repeat("a", maxGrowth+1), 1), "257 times as long"},
		{"replaced often", replace("aa", 40), "512 times as long"},
		{"nothing replaced", part(`"normalizer":{"type":"Replace","pattern":{"String":""},"content":"a"}`), "empty"},
		{"many around a text", part(`"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":` + ids + `}}}`), "more than 64"},
		{"unknown around a text", part(`"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[1]}}}`), "the largest is 0"},
	} {
		_, err := Parse([]byte(c.file), nil)
		var format *FormatError
		var unsupported *UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %.300v, want %q", c.name, err, c.says)
		}
	}
	if _, err := Train(texts("a"), TrainOptions{VocabSize: 10}); err == nil {
		t.Error("a vocabulary smaller than the bytes was accepted")
	}
}

func TestVocabRejects(t *testing.T) {
	bytesKind := Vocab{Model: "gpt2", Tokens: []string{"a"}, BOS: -1, EOS: -1, UNK: -1, PAD: -1}
	pieces := Vocab{Model: "llama", Tokens: []string{"a"}, Scores: []float32{0}, BOS: -1, EOS: -1, UNK: -1, PAD: -1}
	for _, c := range []struct {
		from   Vocab
		change func(*Vocab)
		says   string
	}{
		{bytesKind, func(v *Vocab) { v.Tokens = nil }, "0 tokens"},
		{bytesKind, func(v *Vocab) { v.Types = slices.Repeat([]int32{typeUnused}, len(v.Tokens)) }, "tokens has text"},
		{bytesKind, func(v *Vocab) { v.Tokens = make([]string, maxTokens+1) }, "4194305 tokens"},
		{bytesKind, func(v *Vocab) { v.Merges = make([]string, maxMerges+1) }, "4194305 merges"},
		{bytesKind, func(v *Vocab) { v.Types = []int32{1, 1} }, "2 types for 1 tokens"},
		{bytesKind, func(v *Vocab) { v.BOS = 7 }, "bos_token_id: 7"},
		{bytesKind, func(v *Vocab) { v.PAD = -2 }, "padding_token_id: -2"},
		{bytesKind, func(v *Vocab) { v.Model = "bert" }, `"bert" is not supported`},
		{bytesKind, func(v *Vocab) { v.Pre = "mystery" }, "want llama-bpe"},
		{bytesKind, func(v *Vocab) { v.Merges = []string{"a b"} }, "not in the vocabulary"},
		{bytesKind, func(v *Vocab) { v.Merges = []string{"ab"} }, "not in the vocabulary"},
		{bytesKind, func(v *Vocab) { v.Tokens = []string{strings.Repeat("a", maxTokenBytes+1)} }, "at most 16384"},
		{pieces, func(v *Vocab) { v.Tokens = []string{strings.Repeat("a", maxPieceBytes+1)} }, "at most 1024"},
		{pieces, func(v *Vocab) { v.Scores = nil }, "0 scores for 1 tokens"},
		{pieces, func(v *Vocab) { v.Scores = []float32{float32(math.NaN())} }, "not a number"},
		{pieces, func(v *Vocab) { *v = manyWays(*v) }, "more than 4194304 ways"},
	} {
		v := c.from
		c.change(&v)
		_, err := FromVocab(v)
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %.300v, want %q", err, c.says)
		}
	}
}

// manyWays is a vocabulary of runs of a, of which each pair makes another.
func manyWays(v Vocab) Vocab {
	v.Tokens = nil
	for _, letter := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		for n := range maxPieceBytes {
			v.Tokens = append(v.Tokens, strings.Repeat(letter, n+1))
		}
	}
	v.Scores = make([]float32, len(v.Tokens))
	return v
}

func TestLoadRejectsHugeFiles(t *testing.T) {
	for name, limit := range map[string]int64{jsonFile: maxFileBytes, pieceFile: maxFileBytes, configFileName: maxSideFileBytes, templateFile: maxSideFileBytes} {
		dir := t.TempDir()
		writeFolder(t, dir, map[string][]byte{jsonFile: []byte(`{"model":{"type":"BPE","vocab":{"a":0}}}`)})
		if name == pieceFile {
			if err := os.Remove(filepath.Join(dir, jsonFile)); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Create(filepath.Join(dir, name)) // a hole: it takes no space
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(limit+1), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s has more than %d bytes", name, limit)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"pre_tokenizer":{"type":"ByteLevel"}}`), "ab a")
	f.Add([]byte(`{"model":{"type":"BPE","byte_fallback":true,"unk_token":"u","vocab":{"u":0,"▁":1,"▁a":2,"a":3},"merges":["▁ a"]},"normalizer":{"type":"Prepend","prepend":"▁"},"decoder":{"type":"Strip","content":" ","start":1},"added_tokens":[{"id":5,"content":"<s>","lstrip":true,"rstrip":true,"single_word":true,"normalized":true}],"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"special_tokens":{"x":{"ids":[5]}}}}`), "x <s> é")
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0}},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Punctuation","behavior":"Contiguous"},{"type":"ByteLevel"},{"type":"Digits"},{"type":"Split","behavior":"Isolated","pattern":{"Regex":"[0-9][0-9][0-9]"}},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]}}`), "a1234, b")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		tok, err := Parse(file, nil)
		if err != nil {
			return
		}
		ids, v := tok.Encode(text, true), tok.Vocab()
		tok.Decode(ids)
		made, err := FromVocab(v)
		if err != nil {
			return // GGUF cannot hold it
		}
		if got := made.Encode(text, true); v.HuggingFace != "" && !slices.Equal(got, ids) {
			t.Fatalf("%q: from a GGUF file with the whole tokenizer.json %v, want %v", text, got, ids)
		}
		files, err := made.Files()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseFiles(files)
		if err != nil {
			t.Fatalf("its own files are refused: %v", err)
		}
		if got, want := again.Encode(text, true), made.Encode(text, true); !slices.Equal(got, want) {
			t.Fatalf("%q: the written tokenizer.json gives %v, want %v", text, got, want)
		}
	})
}

func TestLoadRejectsWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tokenizer.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "tokenizer.json is a folder") {
		t.Errorf("got %v", err)
	}
}
