package tokenizer

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"testing"

	"trit/setting"
)

func texts(s ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, t := range s {
			if !yield(t, nil) {
				return
			}
		}
	}
}

const sample = "The cat sat on the mat. The cat's mat is 12345 cm long!\n\n  The end, naïve 日本 reader. "

func trained(t testing.TB, size int) *Tokenizer {
	t.Helper()
	tok, err := Train(texts(strings.Repeat(sample, 20)), TrainOptions{VocabSize: size})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTrainIsDeterministicAndMergesTheMostFrequent(t *testing.T) {
	a, b := trained(t, 290), trained(t, 290)
	filesA, errA := a.Files()
	filesB, errB := b.Files()
	if errA != nil || errB != nil || !bytes.Equal(filesA["tokenizer.json"], filesB["tokenizer.json"]) {
		t.Error("two trainings gave two tokenizers")
	}
	if a.VocabSize() != 290 || a.BOS() != 288 || a.EOS() != 289 {
		t.Errorf("size %d, BOS %d, EOS %d", a.VocabSize(), a.BOS(), a.EOS())
	}
	// In "aab aab ab": "ab" occurs three times, the most of all pairs.
	tok, err := Train(texts("aab aab ab aab"), TrainOptions{VocabSize: 259})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("ab", false); !slices.Equal(got, []int32{256}) {
		t.Errorf("ab is %v", got)
	}
}

func TestRoundTrip(t *testing.T) {
	tok := trained(t, 320)
	again, err := FromVocab(tok.Vocab())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", " ", sample, "a\tb\r\n\n c", "🎉 don'T 1234567", strings.Repeat("mat", 100), "x<|end_of_text|> y"} {
		ids := tok.Encode(text, true)
		if ids[0] != tok.BOS() {
			t.Errorf("%q does not begin with BOS: %v", text, ids)
		}
		if got := tok.Decode(ids); got != strings.ReplaceAll(text, "<|end_of_text|>", "") {
			t.Errorf("%q decodes to %q", text, got)
		}
		if got := again.Encode(text, true); !slices.Equal(got, ids) {
			t.Errorf("%q: the GGUF vocabulary gives %v, want %v", text, got, ids)
		}
		if got := tok.Decode(tok.EncodeOrdinary(text)); got != text {
			t.Errorf("ordinary %q decodes to %q", text, got)
		}
	}
}

// Splits written out by hand from the patterns.
func TestSplits(t *testing.T) {
	for _, c := range []struct {
		end  func(string, int) int
		text string
		want string
	}{
		{llama3End, "Hello world", "Hello| world"},
		{llama3End, "a  b\n\n c 12345!?\n", "a| | b|\n\n| c| |123|45|!?\n"},
		{llama3End, "I'LL don't", "I|'LL| don|'t"},
		{llama3End, "x   ", "x|   "},
		{llama3End, "(foo", "(foo"},
		{qwen2End, "a  b\n\n c 123!?\n", "a| | b|\n\n| c| |1|2|3|!?\n"},
		{qwen2End, "I'LL (foo 1", "I|'LL| (|foo| |1"},
		{gpt2End, "I'LL don't", "I|'|LL| don|'t"},
		{gpt2End, "a  b\n\n c 12345!?\n", "a| | b|\n\n| c| 12345|!?|\n"},
	} {
		var got []string
		scan(c.end)(c.text, func(w string) { got = append(got, w) })
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: %q, want %q", c.text, strings.Join(got, "|"), c.want)
		}
	}
}

func TestLongWordsMergeAlike(t *testing.T) {
	tok := trained(t, 400)
	for _, w := range []string{"thethecatmatthemat", "aaaaaaaabbbbthecat", "longlonglonglong"} {
		word := strings.Repeat(w, 3)
		long, short := tok.model.symbols(word), tok.model.symbols(word)
		gotLong := tok.model.mergeLong(long)
		for len(short) > 1 { // the definition: lowest rank first, leftmost first
			best, at := int32(-1), 0
			for i := range len(short) - 1 {
				if m, ok := tok.model.merges[pair{short[i], short[i+1]}]; ok && (best < 0 || m.rank < best) {
					best, at = m.rank, i
				}
			}
			if best < 0 {
				break
			}
			short[at] = tok.model.merges[pair{short[at], short[at+1]}].id
			short = slices.Delete(short, at+1, at+2)
		}
		if !slices.Equal(gotLong, short) {
			t.Errorf("%s: %v, want %v", word, gotLong, short)
		}
	}
}

func TestChatTemplate(t *testing.T) {
	tok := trained(t, 300)
	m := ChatRequest{Messages: []Message{{Role: "user", Content: "Hi"}}, AddGenerationPrompt: true}
	_, err := tok.ApplyChat(m)
	named := func(string) string { return "trit run -p" }
	if want := "the model has no chat template: it is a base model, use trit run -p"; err == nil || setting.Text(err, named) != want {
		t.Errorf("a model without a template: %v", err)
	}
	v := tok.Vocab()
	v.ChatTemplate = "{{ bos_token }}{% for message in messages %}\n{{ message['role'] | capitalize }}: {{ message['content'] }}\n{% endfor %}\n{% if add_generation_prompt %}Assistant:{% endif %}"
	if tok, err = FromVocab(v); err != nil {
		t.Fatal(err)
	}
	got, err := tok.ApplyChat(m)
	if want := "<|begin_of_text|>User: Hi\nAssistant:"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func BenchmarkEncode(b *testing.B) {
	tok := trained(b, 400)
	text := strings.Repeat(sample, 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(text, false)
	}
}
