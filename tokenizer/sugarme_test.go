package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/model/wordlevel"
	"github.com/sugarme/tokenizer/normalizer"
	"github.com/sugarme/tokenizer/pretokenizer"
	"github.com/sugarme/tokenizer/processor"
)

// A part inside another type is none of ours, so FromParts calls it by sugarme's interface.
type (
	hiddenModel      struct{ sugarme.Model }
	hiddenSplit      struct{ sugarme.PreTokenizer }
	hiddenNormalizer struct{ normalizer.Normalizer }
	hiddenTemplate   struct{ sugarme.PostProcessor }
	hiddenDecoder    struct{ sugarme.Decoder }
)

// tokenizersWithVectors are the tokenizers that other libraries judged, with special cases.
func tokenizersWithVectors(t *testing.T) map[string]*Tokenizer {
	t.Helper()
	out := map[string]*Tokenizer{"trained": trained(t, 320)}
	var err error
	if out["qwen2"], err = Load(qwen2Folder); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"llama-bpe", "gpt-2", "falcon", "starcoder", "pieces"} {
		v := pieceVocab(t)
		if name != "pieces" {
			v = byteVocab(t, name)
		}
		out[name], out[name+" file"] = rewritten(t, v)
	}
	for _, scheme := range []string{"first", "always", "never"} {
		file := `{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `"},
			"added_tokens":[{"id":5,"content":"<s>","special":true}],
			"model":{"type":"BPE","unk_token":"<u>","vocab":{"▁":0,"f":1,"o":2,"a":3,"<u>":4,"<s>":5}}}`
		if out["metaspace "+scheme], err = Parse([]byte(file), nil); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func specialStrings(t *testing.T) []string {
	return append(readVectors(t).Strings, sample, "</s>a<s> b</s> <s>", "f<s>o a", " f", "  =x  ==",
		"<|end_of_text|>a<|begin_of_text|>b<|end_of_text|>", "<|im_end|>x<|im_start|>y<|im_end|>")
}

func TestSugarmeGivesTheSameIDs(t *testing.T) {
	for name, tok := range tokenizersWithVectors(t) {
		s := tok.Sugarme()
		for _, text := range specialStrings(t) {
			want := tok.Encode(text, true)
			e, err := s.EncodeSingle(text, true)
			if err != nil {
				t.Errorf("%s: %q: %v", name, text, err)
				continue
			}
			if fmt.Sprint(e.Ids) != fmt.Sprint(want) {
				t.Errorf("%s: %q: %v, want %v", name, text, e.Ids, want)
			}
			if got := s.Decode(e.Ids, true); got != tok.Decode(want) {
				t.Errorf("%s: %v is %q, want %q", name, e.Ids, got, tok.Decode(want))
			}
		}
	}
}

// The parts one by one behind sugarme's interfaces, and all of them.
func TestFromPartsGivesTheSameIDs(t *testing.T) {
	for name, tok := range tokenizersWithVectors(t) {
		own := tok.Parts()
		all := Parts{
			hiddenNormalizer{own.Normalizer}, hiddenSplit{own.PreTokenizer}, hiddenModel{own.Model},
			hiddenTemplate{own.PostProcessor}, hiddenDecoder{own.Decoder}, own.Added, own.BOS, own.EOS, "",
		}
		split, model := own, own
		split.PreTokenizer, model.Model = all.PreTokenizer, all.Model
		for form, p := range map[string]Parts{"own": own, "split": split, "model": model, "all": all} {
			made, err := FromParts(p)
			if err != nil {
				t.Fatal(err)
			}
			if made.BOS() != tok.BOS() || made.EOS() != tok.EOS() || made.VocabSize() != tok.VocabSize() {
				t.Errorf("%s, %s: BOS %d, EOS %d, size %d", name, form, made.BOS(), made.EOS(), made.VocabSize())
			}
			first := name == "metaspace first" && p.PreTokenizer != own.PreTokenizer // an interface has no word for it
			for _, text := range specialStrings(t) {
				want := tok.Encode(text, true)
				if got := made.Encode(text, true); !slices.Equal(got, want) && !(first && strings.Contains(text, "<s>")) {
					t.Errorf("%s, %s: %q: %v, want %v", name, form, text, got, want)
				}
				if got := made.Decode(want); got != tok.Decode(want) {
					t.Errorf("%s, %s: %v is %q, want %q", name, form, want, got, tok.Decode(want))
				}
				if got, want := made.EncodeOrdinary(text), tok.EncodeOrdinary(text); !slices.Equal(got, want) {
					t.Errorf("%s, %s: ordinary %q: %v, want %v", name, form, text, got, want)
				}
			}
		}
	}
}

// What a token came from, by its offsets: worked out by hand.
func TestSugarmeOffsets(t *testing.T) {
	pieces, err := Load("testdata/pieces.model")
	if err != nil {
		t.Fatal(err)
	}
	qwen, err := Load(qwen2Folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tok  *Tokenizer
		text string
	}{{trained(t, 320), "The cat, naïve<|end_of_text|> mat 日本"}, {pieces, "the cat é<s>日 of"}, {qwen, "Cafe\u0301 x<|im_end|> yz"}} {
		e, err := c.tok.Sugarme().EncodeSingle(c.text, false)
		if err != nil {
			t.Fatal(err)
		}
		end := 0
		for i, o := range e.Offsets {
			if o[0] > end || o[1] < o[0] || o[1] > len(c.text) {
				t.Fatalf("%q: token %d, %q, has offsets %v after %d", c.text, i, e.Tokens[i], o, end)
			}
			end = max(end, o[1])
			// A token of ASCII alone stands for itself.
			name := strings.NewReplacer("Ġ", " ", "▁", " ").Replace(e.Tokens[i])
			if part := c.text[o[0]:o[1]]; isASCII(name) && isASCII(part) && !strings.HasPrefix(name, "<0x") && strings.TrimSpace(part) != strings.TrimSpace(name) {
				t.Errorf("%q: token %d, %q, has offsets %v: %q", c.text, i, e.Tokens[i], o, part)
			}
		}
		if end != len(c.text) {
			t.Errorf("%q: offsets end at %d", c.text, end)
		}
	}
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }

// Alignments by hand: a changed text knows where its bytes came from.
func TestAlignedChanges(t *testing.T) {
	start := alignedOf(normalizer.NewNormalizedFrom("a b"))
	for _, c := range []struct {
		text string
		want [][2]int
	}{
		{"a▁b", [][2]int{{0, 1}, {1, 2}, {1, 2}, {1, 2}, {2, 3}}},
		{"xa b", [][2]int{{0, 0}, {0, 1}, {1, 2}, {2, 3}}},
		{"a--b", [][2]int{{0, 1}, {1, 2}, {1, 2}, {2, 3}}},
		{"", [][2]int{}},
	} {
		if got := start.changed(c.text).from; !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

// sugarme's split into bytes in front of our model is GPT-2's.
func TestSugarmesSplitWithOurModel(t *testing.T) {
	tok, err := FromVocab(byteVocab(t, "gpt-2"))
	if err != nil {
		t.Fatal(err)
	}
	p := tok.Parts()
	p.PreTokenizer = &pretokenizer.ByteLevel{}
	made, err := FromParts(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"The cat's mat is 12 cm", "naïve 日本<s> reader!", "a  b"} {
		if got, want := made.Encode(text, true), tok.Encode(text, true); text != "a  b" && !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		} else if made.Decode(got) != tok.Decode(want) {
			t.Errorf("%q becomes %q", text, made.Decode(got))
		}
	}
}

func wordModel(words ...string) sugarme.Model {
	vocab := map[string]int{}
	for i, w := range words {
		vocab[w] = i
	}
	b := wordlevel.NewWordLevelBuilder()
	b.Vocab(vocab)
	return b.Build()
}

func TestForeignModel(t *testing.T) {
	p := Parts{
		Model: wordModel("<unk>", "[CLS]", "[SEP]", "hello", "world"), PreTokenizer: pretokenizer.NewWhitespaceSplit(),
		PostProcessor: processor.NewBertProcessing(processor.PostToken{Value: "[SEP]", Id: 2}, processor.PostToken{Value: "[CLS]", Id: 1}),
		Added:         []sugarme.AddedTokenWithId{{Id: 1, Special: true, Token: sugarme.NewAddedToken("[CLS]", true)}, {Id: 2, Special: true, Token: sugarme.NewAddedToken("[SEP]", true)}, {Id: 7, Token: sugarme.NewAddedToken("<a b>", true)}},
		BOS:           "[CLS]", EOS: "[SEP]",
	}
	tok, err := FromParts(p)
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode("hello nobody world <a b>", true)
	if want := []int32{1, 3, 0, 4, 7, 2}; !slices.Equal(ids, want) || tok.VocabSize() != 8 || tok.EOS() != 2 {
		t.Errorf("got %v, want %v; size %d, EOS %d", ids, want, tok.VocabSize(), tok.EOS())
	}
	if got := tok.Decode(ids); got != "hello<unk>world<a b>" {
		t.Errorf("decoded %q", got)
	}
	if got := string(tok.TokenBytes(4)); got != "world" {
		t.Errorf("token 4 is %q", got)
	}
	if _, err := tok.Files(); err == nil || tok.Vocab().Model != "" {
		t.Errorf("it can be written: %v, model %q", err, tok.Vocab().Model)
	}
	if again, err := tok.Sugarme().EncodeSingle("hello nobody world <a b>", true); err != nil || fmt.Sprint(again.Ids) != fmt.Sprint(ids) {
		t.Errorf("back in sugarme: %v, %v", again, err)
	}
}

type failing struct{ sugarme.Model }

func (failing) Tokenize(string) ([]sugarme.Token, error) { return nil, errors.New("no") }

func (failing) PreTokenize(*sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	return nil, errors.New("no")
}

func (failing) Normalize(*normalizer.NormalizedString) (*normalizer.NormalizedString, error) {
	return nil, errors.New("no")
}

func TestPartsThatRefuseText(t *testing.T) {
	m := wordModel("<unk>", "a")
	for _, p := range []Parts{{Model: failing{m}}, {Model: m, PreTokenizer: failing{}}, {Model: m, Normalizer: failing{}}} {
		tok, err := FromParts(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("a", true); len(got) != 0 {
			t.Errorf("got %v, want no tokens", got)
		}
	}
}

func TestFromPartsRejects(t *testing.T) {
	m := wordModel("<unk>", "a")
	added := func(id int, content string) []sugarme.AddedTokenWithId {
		return []sugarme.AddedTokenWithId{{Id: id, Token: sugarme.NewAddedToken(content, true)}}
	}
	for says, p := range map[string]Parts{
		"Model is nil":             {},
		"no token":                 {Model: m, BOS: "<s>"},
		"want 0 to":                {Model: m, Added: added(1<<40, "x")},
		"Parts.Added: tokens":      {Model: m, Added: added(1, "x")},
		"at most 65536":            {Model: m, Added: make([]sugarme.AddedTokenWithId, maxAdded+1)},
		"Parts.Model: 1 tokens":    {Model: hiddenVocab{m, map[string]int{"a": maxHoles + 2}}},
		`"a" has id -1: want 0 to`: {Model: hiddenVocab{m, map[string]int{"a": -1}}},
	} {
		if _, err := FromParts(p); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

type hiddenVocab struct {
	sugarme.Model
	vocab map[string]int
}

func (h hiddenVocab) GetVocab() map[string]int { return h.vocab }

func FuzzSugarme(f *testing.F) {
	f.Add("The cat  sat</s> on 12345 m\u0301ats <s>!\n\n ▁é日")
	var tokenizers []*Tokenizer
	for _, file := range []string{
		`{"model":{"type":"BPE","byte_fallback":true,"unk_token":"u","fuse_unk":true,"vocab":{"u":0,"▁":1,"▁a":2,"a":3,"<s>":4,"ab":5},"merges":["▁ a"]},
			"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
			"added_tokens":[{"id":4,"content":"<s>","lstrip":true,"rstrip":true,"special":true},{"id":5,"content":"ab","single_word":true,"normalized":true}]}`,
	} {
		tok, err := Parse([]byte(file), nil)
		if err != nil {
			f.Fatal(err)
		}
		tokenizers = append(tokenizers, tok)
	}
	tokenizers = append(tokenizers, trained(f, 320))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("sugarme's offsets go wrong")
		}
		for i, tok := range tokenizers {
			e, err := tok.Sugarme().EncodeSingle(text, true)
			if want := tok.Encode(text, true); err != nil || fmt.Sprint(e.Ids) != fmt.Sprint(want) {
				t.Fatalf("%d: %q: %v, %v, want %v", i, text, e, err, want)
			}
		}
	})
}
