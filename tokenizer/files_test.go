package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// vectors are the ids of testdata/encode.js.
type vectors struct {
	Strings []string
	Rust    map[string][]struct {
		IDs  []int32
		Text string
	}
	SentencePiece [][]int32
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	var v vectors
	b, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Strings) < 100 {
		t.Fatal(len(v.Strings), err)
	}
	return v
}

// wrong counts the strings that tok encodes or decodes otherwise than the Rust tokenizers.
func (v *vectors) wrong(t *testing.T, tok *Tokenizer, name string) int {
	t.Helper()
	wrong := 0
	for i, row := range v.Rust[name] {
		ids, text := tok.Encode(v.Strings[i], true), tok.Decode(row.IDs)
		if !slices.Equal(ids, row.IDs) || text != row.Text {
			if wrong++; wrong <= 3 {
				t.Errorf("%s: %q\n got %v, %q\nwant %v, %q", name, v.Strings[i], ids, text, row.IDs, row.Text)
			}
		}
	}
	return wrong
}

// byteVocab is the vocabulary of testdata/bytes.json with three added tokens.
func byteVocab(t *testing.T, pre string) Vocab {
	t.Helper()
	var file struct{ Tokens, Merges []string }
	b, err := os.ReadFile("testdata/bytes.json")
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := int32(len(file.Tokens))
	v := Vocab{
		Model: "gpt2", Pre: pre, Tokens: append(file.Tokens, "<s>", "</s>", "  ="), Types: slices.Repeat([]int32{typeNormal}, int(n)),
		Merges: file.Merges, BOS: n, EOS: n + 1, UNK: -1, PAD: n + 1, AddBOS: true, ChatTemplate: "{{ 'a' }}",
	}
	v.Types = append(v.Types, typeControl, typeControl, typeUserDefined)
	return v
}

// pieceVocab is the vocabulary of testdata/pieces.model.
func pieceVocab(t *testing.T) Vocab {
	t.Helper()
	tok, err := Load("testdata/pieces.model")
	if err != nil {
		t.Fatal(err)
	}
	return tok.Vocab()
}

// rewritten is what the files of v are read back as.
func rewritten(t *testing.T, v Vocab) (made, again *Tokenizer) {
	t.Helper()
	made, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	files, err := made.Files()
	if err != nil {
		t.Fatal(err)
	}
	if again, err = parseFiles(files); err != nil {
		t.Fatal(err)
	}
	return made, again
}

func sameVocab(t *testing.T, got, want Vocab) {
	t.Helper()
	for i := range reflect.TypeFor[Vocab]().NumField() {
		g, w := reflect.ValueOf(got).Field(i).Interface(), reflect.ValueOf(want).Field(i).Interface()
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s: got %.200v, want %.200v", reflect.TypeFor[Vocab]().Field(i).Name, g, w)
		}
	}
}

// A vocabulary of either kind, and the tokenizer.json that is written of it, give the ids
// that the Rust tokenizers give for a tokenizer.json made elsewhere.
func TestFilesOfAVocabulary(t *testing.T) {
	vectors := readVectors(t)
	for _, name := range []string{"llama-bpe", "gpt-2", "falcon", "starcoder", "pieces"} {
		v := pieceVocab(t)
		if name != "pieces" {
			v = byteVocab(t, name)
		}
		made, again := rewritten(t, v)
		if wrong := vectors.wrong(t, made, name) + vectors.wrong(t, again, name); wrong > 0 {
			t.Errorf("%s: %d of %d differ", name, wrong, 2*len(vectors.Strings))
		}
		sameVocab(t, made.Vocab(), v)
		sameVocab(t, again.Vocab(), v)
	}
}

// From a tokenizer.json to GGUF and back nothing is lost.
func TestVocabRoundTrip(t *testing.T) {
	for name, v := range map[string]Vocab{"bytes": byteVocab(t, "llama-bpe"), "pieces": pieceVocab(t)} {
		v.AddBOS, v.AddEOS = false, true
		_, first := rewritten(t, v)
		made, second := rewritten(t, first.Vocab())
		sameVocab(t, second.Vocab(), first.Vocab())
		for _, text := range readVectors(t).Strings {
			want := first.Encode(text, true)
			if a, b := made.Encode(text, true), second.Encode(text, true); !slices.Equal(a, want) || !slices.Equal(b, want) {
				t.Errorf("%s: %q: %v and %v, want %v", name, text, a, b, want)
			}
		}
	}
}

// The other names of a split encode alike and are written under the first.
func TestNamesOfPreTokenizers(t *testing.T) {
	vectors := readVectors(t)
	for other, name := range map[string]string{
		"falcon3": "llama-bpe", "llama3": "llama-bpe", "dbrx": "llama-bpe", "": "gpt-2", "olmo": "gpt-2", "refact": "starcoder",
	} {
		_, again := rewritten(t, byteVocab(t, other))
		if got := again.Vocab().Pre; got != name {
			t.Errorf("%q is written as %q, want %q", other, got, name)
		}
		vectors.wrong(t, again, name)
	}
	for _, parts := range []string{
		`{"type":"ByteLevel","add_prefix_space":true}`,
		`{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel"}]}`,
		`{"type":"Sequence","pretokenizers":[{"type":"Split","behavior":"Isolated","pattern":{"Regex":"x"}},{"type":"ByteLevel","use_regex":false}]}`,
	} {
		tok, err := Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0}},"pre_tokenizer":`+parts+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Vocab().Pre; got != "" {
			t.Errorf("%s is called %q", parts, got)
		}
	}
}

// Unused tokens are no text, in the GGUF vocabulary as in what is written of it; the ids
// of the tokens behind them stay.
func TestUnusedTokensAreNoText(t *testing.T) {
	v := byteVocab(t, "llama-bpe")
	v.Tokens = append(v.Tokens, "foo", "<unused_9>", "<last>", "bar")
	v.Types = append(v.Types, typeUnused, typeUnused, typeControl, typeUnused)
	made, again := rewritten(t, v)
	plain, err := FromVocab(byteVocab(t, "llama-bpe"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"foo bar", "<unused_9>", "bar"} {
		want := plain.Encode(text, true)
		if a, b := made.Encode(text, true), again.Encode(text, true); !slices.Equal(a, want) || !slices.Equal(b, want) {
			t.Errorf("%q: %v and %v, want %v", text, a, b, want)
		}
	}
	last := int32(len(v.Tokens) - 2)
	if a, b := made.Encode("<last>", false), again.Encode("<last>", false); a[0] != last || !slices.Equal(a, b) {
		t.Errorf("<last> is %v and %v, want %d", a, b, last)
	}
	if got := made.Decode([]int32{last - 1, last - 2}); got != "" {
		t.Errorf("unused tokens decode to %q", got)
	}
	sameVocab(t, made.Vocab(), v)
	// The last is lost, the others' names are.
	v.Tokens, v.Types = v.Tokens[:last+1], v.Types[:last+1]
	v.Tokens[last-2], v.Tokens[last-1] = fmt.Sprintf("<unused_%d>", last-2), fmt.Sprintf("<unused_%d>", last-1)
	sameVocab(t, again.Vocab(), v)
}

// An unknown token of a byte-level vocabulary stands for bytes that it lacks.
func TestUnknownBytes(t *testing.T) {
	v := Vocab{Model: "gpt2", Pre: "gpt-2", Tokens: []string{"<unk>", "a", "b"}, Types: []int32{typeUnknown, typeNormal, typeNormal}, BOS: -1, EOS: -1, UNK: 0, PAD: -1}
	made, again := rewritten(t, v)
	want := []int32{1, 0, 0, 2} // as the Rust tokenizers say: one for each byte
	if a, b := made.Encode("aéb", false), again.Encode("aéb", false); !slices.Equal(a, want) || !slices.Equal(b, want) {
		t.Errorf("%v and %v, want %v", a, b, want)
	}
	sameVocab(t, again.Vocab(), v)
}

func TestFilesKeepWhatWasRead(t *testing.T) {
	dir := t.TempDir()
	tok, err := FromVocab(byteVocab(t, "gpt-2"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := "special_tokens_map.json tokenizer.json tokenizer_config.json"; strings.Join(names, " ") != want {
		t.Errorf("files are %v, want %s", names, want)
	}
	files["chat_template.jinja"] = []byte("{{ 'jinja' }}")
	writeFolder(t, dir, files)
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.ApplyChat(ChatRequest{}); err != nil || got != "jinja" {
		t.Errorf("the template gives %q, %v", got, err)
	}
	got, err := again.Files()
	if err != nil || !maps.EqualFunc(got, files, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("files read from a folder changed: %v", err)
	}
	template := again.Vocab().ChatTemplate
	if template != "{{ 'jinja' }}" {
		t.Errorf("GGUF gets the template %q", template)
	}
}

func writeFolder(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamedTemplates(t *testing.T) {
	const vocab = `{"model":{"type":"BPE","vocab":{"a":0}}}`
	config := `{"chat_template":[{"name":"tool_use","template":"tools"},{"name":"default","template":"plain"},{"name":"rag","template":"rag"}]}`
	tok, err := Parse([]byte(vocab), []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tok.ApplyChat(ChatRequest{}); got != "plain" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A name that is not UTF-8 cannot stand in JSON.
func TestFilesRefuseBrokenNames(t *testing.T) {
	tok, err := FromVocab(Vocab{Model: "gpt2", Tokens: []string{"a\xff"}, BOS: -1, EOS: -1, UNK: -1, PAD: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Files(); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("got %v", err)
	}
}
