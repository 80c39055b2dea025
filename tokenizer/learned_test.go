package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Chat templates in the forms that models have.
const (
	chatML = `{% for m in messages %}{{ '<|im_start|>' + m['role'] + '
' + m['content'] + '<|im_end|>' + '
' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`
	llama3 = `{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}`
	zephyr = `{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}`
	marking = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}

{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`
)

// speaking is a tokenizer with a template and the control tokens of the templates above.
func speaking(t testing.TB, template string) *Tokenizer {
	t.Helper()
	v := trained(t, 300).Vocab()
	for _, name := range []string{"<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"} {
		v.Tokens, v.Types = append(v.Tokens, name), append(v.Types, typeControl)
	}
	v.ChatTemplate = template
	tok, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var talk = []Message{
	{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Hi <|im_end|>"}, {Role: "assistant", Content: "Hello é"},
	{Role: "user", Content: "Bye"}, {Role: "assistant", Content: "See you"},
}

// told writes a conversation as text, with what is learned in double brackets.
func told(tok *Tokenizer, l Learned) string {
	var b strings.Builder
	for i, id := range l.IDs {
		if l.Learn[i] && (i == 0 || !l.Learn[i-1]) {
			b.WriteString("[[")
		}
		if text := tok.TokenBytes(id); text != nil {
			b.Write(text)
		} else {
			b.WriteString(tok.name(id))
		}
		if l.Learn[i] && (i == len(l.IDs)-1 || !l.Learn[i+1]) {
			b.WriteString("]]")
		}
	}
	return b.String()
}

// The marks were set by hand in what the templates write.
func TestWhatIsLearned(t *testing.T) {
	plain := trained(t, 300)
	bos, eos := plain.name(plain.BOS()), plain.name(plain.EOS())
	ml := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n" +
		"<|im_start|>assistant\n[[Hello é<|im_end|>]]\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n[[See you<|im_end|>]]\n"
	for name, c := range map[string]struct{ template, want string }{
		"chatml": {chatML, ml},
		"llama3": {llama3, bos + "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>" +
			"<|start_header_id|>user<|end_header_id|>\n\nHi <|im_end|><|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[[Hello é<|eot_id|>]]" +
			"<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[[See you<|eot_id|>]]"},
		"zephyr": {zephyr, "<|system|>\nBe brief." + eos + "\n<|user|>\nHi <|im_end|>" + eos + "\n<|assistant|>\n[[Hello é" + eos +
			"]]\n<|user|>\nBye" + eos + "\n<|assistant|>\n[[See you" + eos + "]]\n"},
		"generation": {marking, ml},
	} {
		tok := speaking(t, c.template)
		e, err := tok.ChatEncoder()
		if err != nil {
			t.Fatal(err)
		}
		l, err := e.Encode(ChatRequest{Messages: talk}, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := told(tok, l); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
		want, err := tok.EncodeChat(ChatRequest{Messages: talk})
		if err != nil || !slices.Equal(l.IDs, want) {
			t.Errorf("%s: the ids are not those of EncodeChat: %v", name, err)
		}
		if want := len("Hello éSee you"); l.Bytes != want {
			t.Errorf("%s: %d bytes are learned, want %d", name, l.Bytes, want)
		}
		l, err = e.Encode(ChatRequest{Messages: talk}, 4)
		if err != nil || strings.Count(told(tok, l), "[[") != 1 || l.Bytes != len("See you") {
			t.Errorf("%s, four messages given: %q, %v", name, told(tok, l), err)
		}
		id, _ := tok.TokenID("<|im_end|>")
		if n := count(l.IDs, id); name != "llama3" && name != "zephyr" && n != 5 || n > 5 {
			t.Errorf("%s: %d tokens <|im_end|>: that in a message is text", name, n)
		}
	}
}

func count(ids []int32, id int32) (n int) {
	for _, i := range ids {
		if i == id {
			n++
		}
	}
	return n
}

// What a template does not tell is refused by the number of the message.
func TestTurnsThatCannotBeTold(t *testing.T) {
	for name, c := range map[string]struct {
		template, says string
	}{
		"ends at the last": {"{% for m in messages %}{{ m.content }}|{% if loop.last and not add_generation_prompt %}END{% endif %}{% endfor %}", "message 3: it is written in another way"},
		"thoughts": {"{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>thinks{% endif %}",
			"message 3: the text before it is not"},
		"in a variable": {"{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}", "generation blocks in a variable"},
	} {
		e, err := speaking(t, c.template).ChatEncoder()
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Encode(ChatRequest{Messages: talk}, 0)
		var turn *TurnError
		if !errors.As(err, &turn) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want a TurnError with %q", name, err, c.says)
		}
	}
	if _, err := trained(t, 300).ChatEncoder(); err == nil {
		t.Error("a tokenizer without a template encodes conversations")
	}
}

func TestWithChatTemplate(t *testing.T) {
	tok, err := speaking(t, "old").WithChatTemplate(chatML)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tok.Files()
	if err != nil || string(files[templateFile]) != chatML || tok.ChatTemplate().Text != chatML {
		t.Errorf("the template is %q (%v)", files[templateFile], err)
	}
	if ids := tok.Encode("a<|im_end|>", false); len(ids) != 2 {
		t.Errorf("the ids are %v", ids)
	}
	if _, err := tok.WithChatTemplate("{% if"); err != nil {
		t.Errorf("a broken template is refused where it is used: %v", err)
	}
}

// The tool template is used for conversations with tools.
func TestToolTemplateIsLearned(t *testing.T) {
	v := speaking(t, "plain").Vocab()
	v.Templates = map[string]string{toolTemplate: chatML}
	tok, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	e, err := tok.ChatEncoder()
	if err != nil {
		t.Fatal(err)
	}
	l, err := e.Encode(ChatRequest{Messages: talk, Tools: []json.RawMessage{json.RawMessage("{}")}}, 0)
	if err != nil || !strings.Contains(told(tok, l), "[[See you<|im_end|>]]") {
		t.Errorf("%q, %v", told(tok, l), err)
	}
}

// The tokens with their places are those of encode, and of byte-level BPE each has its own bytes.
func TestLocateIsEncode(t *testing.T) {
	texts := []string{"", " ", "é à  x\n\n", "a<|im_end|>b <|im_start|>", "\xff\xfe", "日本 語 😀\r\n", guard + "<|im" + guard + "_end|>"}
	for name, tok := range map[string]*Tokenizer{"bytes": speaking(t, ""), "pieces": piecesTokenizer(t)} {
		for _, text := range texts {
			var ids []int32
			start := 0
			for _, p := range tok.locate(text) {
				ids = append(ids, p.id)
				if p.start < start || p.end < p.start || p.end > len(text) { // the bytes of a character have its place
					t.Errorf("%s: %q: a token at [%d,%d) behind one at %d", name, text, p.start, p.end, start)
				}
				start = p.start
				if own := tok.TokenBytes(p.id); name == "bytes" && own != nil && string(own) != strings.ReplaceAll(text[p.start:p.end], guard, "") {
					t.Errorf("%q: token %q at %q", text, own, text[p.start:p.end])
				}
			}
			if want := tok.encode(text, true); !slices.Equal(ids, want) {
				t.Errorf("%s: %q: %v, want %v", name, text, ids, want)
			}
		}
	}
}

func piecesTokenizer(t *testing.T) *Tokenizer {
	t.Helper()
	tok, err := FromVocab(pieceVocab(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func FuzzLocate(f *testing.F) {
	f.Add("é à  x\n\n", true)
	f.Add("a<|im_end|>b", false)
	bytes, pieces := speaking(f, ""), (*Tokenizer)(nil)
	f.Fuzz(func(t *testing.T, text string, byBytes bool) {
		tok := bytes
		if !byBytes {
			if pieces == nil {
				pieces = piecesTokenizer(t)
			}
			tok = pieces
		}
		var ids []int32
		start := 0
		for _, p := range tok.locate(text) {
			ids = append(ids, p.id)
			if p.start > p.end || p.end > len(text) || p.start < start {
				t.Errorf("a token at [%d,%d) of %d behind one at %d", p.start, p.end, len(text), start)
			}
			start = p.start
		}
		if want := tok.encode(text, true); !slices.Equal(ids, want) {
			t.Errorf("%q: %v, want %v", text, ids, want)
		}
	})
}

// The spans of Jinja2, which testdata/make_learned.py tells. Where we leave the space behind the end of a
// turn out, it does not know of special tokens.
func TestSpansOfJinja2(t *testing.T) {
	var vectors []struct {
		Template string
		Context  map[string]json.RawMessage
	}
	var learned [][2]json.RawMessage
	for path, into := range map[string]any{"jinja/testdata/vectors.json": &vectors, "testdata/learned.json": &learned} {
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	vocab := trained(t, 300).Vocab()
	for _, l := range learned {
		var index int
		if err := json.Unmarshal(l[0], &index); err != nil {
			t.Fatal(err)
		}
		r := ChatRequest{Extra: map[string]any{}}
		for key, value := range vectors[index].Context {
			var err error
			switch key {
			case "messages":
				err = json.Unmarshal(value, &r.Messages)
			case "tools":
				err = json.Unmarshal(value, &r.Tools)
			case "add_generation_prompt": // as each render needs it
			default:
				r.Extra[key] = value
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		vocab.ChatTemplate = vectors[index].Template
		if got := spansOf(t, vocab, r, l[1]); got != string(l[1]) {
			t.Errorf("vector %d: %s, want %s\n%s", index, got, l[1], vocab.ChatTemplate)
		}
	}
	if len(learned) < 180 {
		t.Errorf("only %d conversations", len(learned))
	}
}

// spansOf is what the encoder learns, in the form of learned.json. A span that want has longer is taken to
// be as long, if that is for space.
func spansOf(t *testing.T, v Vocab, r ChatRequest, want json.RawMessage) string {
	tok, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	e, err := tok.ChatEncoder()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := e.render(r, len(r.Messages), false)
	if err != nil {
		return `"error"`
	}
	spans, err := e.spans(r, whole, 0)
	if turn := new(TurnError); errors.As(err, &turn) {
		return `"turn"`
	} else if err != nil {
		return `"error"`
	}
	var wanted [][2]int
	_ = json.Unmarshal(want, &wanted) // or it is a word
	parts := []string{}
	for i, s := range spans {
		if i < len(wanted) && wanted[i][1] > s.End && strings.TrimSpace(whole.Text[s.End:wanted[i][1]]) == "" {
			s.End = wanted[i][1]
		}
		parts = append(parts, fmt.Sprintf("[%d, %d]", s.Start, s.End))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
