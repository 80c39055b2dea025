package data

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/setting"
	"trit/tokenizer"
)

const testTemplate = `{% for m in messages %}{{ bos_token }}{{ m.role }}
{{ m.content }}{{ eos_token }}
{% endfor %}{% if add_generation_prompt %}{{ bos_token }}assistant
{% endif %}`

// talker is a tokenizer with a chat template, or without for "".
func talker(t testing.TB, template string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield(strings.Repeat("a b c user assistant ", 50), nil) },
		tokenizer.TrainOptions{VocabSize: 280})
	if err != nil {
		t.Fatal(err)
	}
	if template != "" {
		if tok, err = tok.WithChatTemplate(template); err != nil {
			t.Fatal(err)
		}
	}
	return tok
}

// writeLines writes objects as JSON lines.
func writeLines(t testing.TB, rows ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	var b strings.Builder
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

type object = map[string]any

// talks are n conversations of one or two turns and different lengths.
func talks(n int) (rows []any) {
	for i := range n {
		messages := []object{}
		for turn := range 1 + i%2 {
			messages = append(messages, object{"role": "user", "content": fmt.Sprintf("%d%s?", i, strings.Repeat(" b", i*5%7))},
				object{"role": "assistant", "content": fmt.Sprintf("answer %d.%d%s", i, turn, strings.Repeat(" a", i*7%11))})
		}
		rows = append(rows, object{"messages": messages})
	}
	return rows
}

// pairs are n pairs of answers.
func pairs(n int) (rows []any) {
	for i := range n {
		rows = append(rows, object{"prompt": fmt.Sprint("question ", i), "chosen": fmt.Sprint("good", strings.Repeat(" a", i%9)), "rejected": fmt.Sprint("bad ", i)})
	}
	return rows
}

func prepareRows(t testing.TB, o PrepareOptions, rows ...any) (string, *Manifest) {
	t.Helper()
	o.Files, o.Out = []string{writeLines(t, rows...)}, filepath.Join(t.TempDir(), "set")
	if o.Tokenizer == nil {
		o.Tokenizer = talker(t, testTemplate)
	}
	m, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return o.Out, m
}

// A row holds whole conversations, and the targets are the assistant's tokens alone.
func TestConversationsStayWhole(t *testing.T) {
	dir, m := prepareRows(t, PrepareOptions{Kind: Chat}, talks(50)...)
	want := map[string]int{} // conversations, as their tokens and targets
	learned := int64(0)
	for d, err := range Documents(dir, Train) {
		if err != nil {
			t.Fatal(err)
		}
		targets := slices.Repeat([]int32{-1}, len(d.IDs))
		for k := 1; k < len(d.IDs); k++ {
			if d.Learn[k] {
				targets[k-1] = d.IDs[k]
				learned++
			}
		}
		want[fmt.Sprint(d.IDs, targets)]++
	}
	if m.Train.Learned != learned || m.Train.Documents != 50 || m.Form != "messages" {
		t.Errorf("%d of %d tokens are learned, of %d documents, form %s", m.Train.Learned, learned, m.Train.Documents, m.Form)
	}
	o := LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 2 * m.Train.Longest, Seed: 1, Shuffle: true}
	l := open(t, dir, o)
	got, bytes, tokens := map[string]int{}, 0.0, 0
	for l.Epoch() == 0 {
		b := next(t, l)
		bytes += b.Bytes
		for r := range o.BatchSize {
			lo, hi := r*o.SequenceLength, (r+1)*o.SequenceLength
			for from := lo; from < hi; {
				to := from + 1
				for to < hi && b.Starts[to] == b.Starts[from] {
					to++
				}
				if int(b.Starts[from]) != from-lo {
					t.Fatalf("the conversation at %d begins at %d", from-lo, b.Starts[from])
				}
				if got[fmt.Sprint(b.Tokens[from:to], b.Targets[from:to])]++; to < hi {
					tokens += to - from
				}
				from = to
			}
		}
	}
	for talk, n := range want {
		if got[talk] < n { // more of those of the next epoch
			t.Errorf("%d of %d conversations %s", got[talk], n, talk)
		}
	}
	if text := float64(m.Train.Bytes); bytes < text || bytes > 1.3*text {
		t.Errorf("the targets stand for %g bytes, want those of an epoch, %g", bytes, text)
	}
	if share := float64(tokens) / float64(int(m.Train.Tokens)); share < 0.9 {
		t.Errorf("rows hold %.0f %% of the tokens in their conversations", 100*share)
	}
}

// The bytes of an epoch of held-out conversations are those of what the assistant says.
func TestBytesOfConversations(t *testing.T) {
	rows := []any{}
	want := 0
	for i := range 40 {
		answer := strings.Repeat("é", i)
		want += len(answer)
		rows = append(rows, object{"messages": []object{{"role": "user", "content": fmt.Sprint("q", i)}, {"role": "assistant", "content": answer}}})
	}
	dir, m := prepareRows(t, PrepareOptions{Kind: Chat, Holdout: 0.5, Seed: 3}, rows...)
	if m.Train.Bytes+m.Heldout.Bytes != int64(want) || m.Heldout.Documents == 0 {
		t.Errorf("%d and %d bytes, want %d", m.Train.Bytes, m.Heldout.Bytes, want)
	}
	l, bytes := open(t, dir, LoaderOptions{Split: Heldout, BatchSize: 3, SequenceLength: 200}), 0.0
	var b Batch
	for l.Next(&b) == nil {
		bytes += b.Bytes
	}
	if diff := bytes - float64(m.Heldout.Bytes); diff > 1e-6 || diff < -1e-6 {
		t.Errorf("the targets stand for %g bytes, want %d", bytes, m.Heldout.Bytes)
	}
}

func TestPairsAreRowsOfOneBatch(t *testing.T) {
	tok := talker(t, testTemplate)
	dir, m := prepareRows(t, PrepareOptions{Kind: Preferences, Tokenizer: tok, Holdout: 0.2, Seed: 1, ShardTokens: 100}, pairs(40)...)
	if m.Train.Documents+m.Heldout.Documents != 80 || len(m.Train.Shards) < 3 {
		t.Fatalf("%d and %d documents in %d shards", m.Train.Documents, m.Heldout.Documents, len(m.Train.Shards))
	}
	for _, o := range []LoaderOptions{
		{Split: Train, BatchSize: 4, SequenceLength: 70, Seed: 1, Shuffle: true}, {Split: Heldout, BatchSize: 6, SequenceLength: 70},
	} {
		l := open(t, dir, o)
		var b Batch
		for l.Epoch() < 2 && l.Next(&b) == nil {
			for r := 0; r < o.BatchSize; r += 2 {
				texts := [2]string{}
				for i := range texts {
					lo := (r + i) * o.SequenceLength
					ids := slices.DeleteFunc(slices.Clone(b.Targets[lo:lo+o.SequenceLength]), func(id int32) bool { return id < 0 })
					texts[i] = tok.Decode(ids)
					if n := len(ids); n > 0 && ids[n-1] != tok.EOS() {
						t.Fatalf("an answer ends with %d", ids[n-1])
					}
				}
				padding := texts[0] == "" && texts[1] == "" && o.Split == Heldout
				if !padding && (!strings.HasPrefix(texts[0], "good") || !strings.HasPrefix(texts[1], "bad")) {
					t.Fatalf("row %d: %q", r, texts)
				}
			}
		}
	}
	_, err := OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 3, SequenceLength: 70})
	wantError(t, err, "batch_size is 3", "even")
}

// Every number of ranks sees the rows of one, also after a resume by another number.
func TestRanksAndResumeOfWholeRows(t *testing.T) {
	chat, _ := prepareRows(t, PrepareOptions{Kind: Chat}, talks(1500)...)
	preferences, _ := prepareRows(t, PrepareOptions{Kind: Preferences}, pairs(1100)...)
	for _, dir := range []string{chat, preferences} {
		o := LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 90, Seed: 5, Shuffle: true}
		ranks := openRanks(t, dir, o, 3)
		whole := o
		whole.BatchSize = 6
		one := open(t, dir, whole)
		for range 150 {
			wantSame(t, together(t, ranks, 1), next(t, one))
		}
		state := one.State()
		for _, l := range ranks {
			if l.State() != state {
				t.Fatalf("a rank is at %+v, want %+v", l.State(), state)
			}
		}
		again := openRanks(t, dir, o, 2)
		for _, l := range again {
			if err := l.Restore(state); err != nil {
				t.Fatal(err)
			}
		}
		for range 250 { // over windows and epochs
			want := next(t, one)
			three := Batch{}
			for range 3 {
				b := together(t, again[:1], 1)
				again[0], again[1] = again[1], again[0]
				three.Tokens, three.Targets = append(three.Tokens, b.Tokens...), append(three.Targets, b.Targets...)
				three.Starts, three.Bytes = append(three.Starts, b.Starts...), three.Bytes+b.Bytes
			}
			wantSame(t, three, want)
		}
		if one.Epoch() == 0 {
			t.Error("the epoch has not ended")
		}
	}
}

func TestRestoreRefusesAnotherPlace(t *testing.T) {
	dir, _ := prepareRows(t, PrepareOptions{Kind: Preferences}, pairs(10)...)
	o := LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 90}
	l := open(t, dir, o)
	state := l.State()
	for says, change := range map[string]func(*State){
		"rows of 80 tokens": func(s *State) { s.Length = 80 }, "document 10 of 10": func(s *State) { s.Document = 10 },
		"offset 20": func(s *State) { s.Offset = 20 }, "offset 3": func(s *State) { s.Offset = 3 },
	} {
		s := state
		change(&s)
		wantError(t, l.Restore(s), "loader state", says)
	}
}

// Long conversations are cut or left out as asked, when they are prepared and when they are loaded, and counted.
func TestTooLong(t *testing.T) {
	say := func(user, answer string) object {
		return object{"messages": []object{{"role": "user", "content": user}, {"role": "assistant", "content": answer}}}
	}
	rows := []any{say("a", "b"), say("a", strings.Repeat("x", 50)), say(strings.Repeat("x", 50), "b")}
	for _, c := range []struct {
		tooLong      TooLong
		cut, dropped int
	}{{Cut, 1, 1}, {Drop, 0, 2}, {"", 1, 1}} {
		_, m := prepareRows(t, PrepareOptions{Kind: Chat, Length: 30, TooLong: c.tooLong}, rows...)
		if m.Cut != int64(c.cut) || m.LeftOut["too_long"] != int64(c.dropped) || m.Train.Longest > 30 {
			t.Errorf("%q: %d cut, left out %v, the longest has %d", c.tooLong, m.Cut, m.LeftOut, m.Train.Longest)
		}
		dir, _ := prepareRows(t, PrepareOptions{Kind: Chat, TooLong: c.tooLong}, rows...)
		l := open(t, dir, LoaderOptions{Split: Train, BatchSize: 1, SequenceLength: 30})
		if cut, dropped := l.Long(); cut != c.cut || dropped != c.dropped || !strings.Contains(l.LongNote(), fmt.Sprintf("%d are cut to 30 tokens and %d", c.cut, c.dropped)) {
			t.Errorf("%q: a loader cut %d and dropped %d: %s", c.tooLong, cut, dropped, l.LongNote())
		}
		for range 5 {
			b := next(t, l)
			if !slices.ContainsFunc(b.Targets, func(id int32) bool { return id >= 0 }) {
				t.Errorf("%q: a row without a target", c.tooLong)
			}
		}
		l = open(t, dir, LoaderOptions{Split: Train, BatchSize: 1, SequenceLength: 300})
		if l.LongNote() != "" {
			t.Error(l.LongNote())
		}
		_, err := OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 1, SequenceLength: 3})
		wantError(t, err, "none of the 3", "raise sequence_length")
	}
	dir, m := prepareRows(t, PrepareOptions{Kind: Preferences, Length: 30}, object{"prompt": "a", "chosen": "b", "rejected": strings.Repeat("x", 50)},
		object{"prompt": strings.Repeat("x", 50), "chosen": "b", "rejected": "c"})
	if m.Cut != 1 || m.LeftOut["too_long"] != 1 || m.Train.Documents != 2 {
		t.Errorf("of pairs %d are cut, left out %v, in %s", m.Cut, m.LeftOut, dir)
	}
}

// What is left out is counted by reason, with the first that the template refuses.
func TestRowsThatAreLeftOut(t *testing.T) {
	user, bot := object{"role": "user", "content": "q"}, object{"role": "assistant", "content": "a"}
	tok := talker(t, "{% if messages[0].role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"+testTemplate)
	_, m := prepareRows(t, PrepareOptions{Kind: Chat, Tokenizer: tok},
		object{"messages": []object{user, bot}, "id": 1}, object{"messages": nil}, object{"messages": []object{user}},
		object{"messages": []object{{"role": "tool", "content": "x"}, bot}}, object{"messages": []object{user, {"role": "assistant"}}})
	want := map[string]int64{"no_conversation": 1, "no_answer": 1, "template": 1, "no_content": 1}
	if fmt.Sprint(m.LeftOut) != fmt.Sprint(want) || m.Train.Documents != 1 || !slices.Equal(m.Unread, []string{"id"}) {
		t.Errorf("left out %v, want %v; %d documents, unread %v", m.LeftOut, want, m.Train.Documents, m.Unread)
	}
	if !strings.Contains(m.Refusal, "row 4") || !strings.Contains(m.Refusal, "no tools") || len(m.Reasons()) != 4 {
		t.Errorf("refusal %q, reasons %q", m.Refusal, m.Reasons())
	}
	_, err := Prepare(t.Context(), PrepareOptions{Kind: Chat, Tokenizer: tok, Files: []string{writeLines(t, object{"messages": []object{user}})}, Out: filepath.Join(t.TempDir(), "x")})
	wantError(t, err, "no document to train on", "1 without an answer")
}

// The split does not depend on the template, and pairs of one prompt stay together.
func TestHeldOutConversations(t *testing.T) {
	rows := talks(200)
	_, a := prepareRows(t, PrepareOptions{Kind: Chat, Holdout: 0.2, Seed: 1}, rows...)
	_, b := prepareRows(t, PrepareOptions{Kind: Chat, Holdout: 0.2, Seed: 1, Tokenizer: talker(t, "X"+testTemplate)}, rows...)
	if a.Heldout.Documents == 0 || a.Heldout.Documents != b.Heldout.Documents || a.Fingerprint() == b.Fingerprint() {
		t.Errorf("%d and %d are held out", a.Heldout.Documents, b.Heldout.Documents)
	}
	var same []any
	for i := range 20 {
		same = append(same, object{"prompt": "q", "chosen": fmt.Sprint("a", i), "rejected": "b"})
	}
	_, m := prepareRows(t, PrepareOptions{Kind: Preferences, Holdout: 0.5, Seed: 2}, append(same, pairs(10)...)...)
	if n := m.Heldout.Documents; n < 40 && n > 20 {
		t.Errorf("%d documents are held out: the pairs of one prompt were divided", n)
	}
}

// The fingerprint covers what is learned, the kind and what becomes of long ones.
func TestFingerprintOfConversations(t *testing.T) {
	rows := talks(20)
	dir, m := prepareRows(t, PrepareOptions{Kind: Chat}, rows...)
	_, drop := prepareRows(t, PrepareOptions{Kind: Chat, TooLong: Drop}, rows...)
	marked := strings.Replace(testTemplate, "{{ m.content }}", "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}", 1)
	_, content := prepareRows(t, PrepareOptions{Kind: Chat, Tokenizer: talker(t, marked)}, rows...)
	if m.Fingerprint() == drop.Fingerprint() || m.Fingerprint() == content.Fingerprint() {
		t.Error("the fingerprint is the same")
	}
	if m.Train.Tokens != content.Train.Tokens || m.Train.Learned <= content.Train.Learned {
		t.Errorf("%d and %d tokens are learned: the end of a turn is not in the blocks", m.Train.Learned, content.Train.Learned)
	}
	path := filepath.Join(dir, ManifestName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string][2]string{
		"kind: \"video\"": {`"kind": "chat"`, `"kind": "video"`}, "too_long": {`"too_long": "cut"`, `"too_long": "keep"`},
		"two of each pair": {`"kind": "chat"`, `"kind": "preferences"`},
	} {
		text := strings.Replace(string(raw), change[0], change[1], 1)
		if says == "two of each pair" {
			text = strings.Replace(text, `"documents": 20,`, `"documents": 21,`, 2)
		}
		_, err := parseManifest(path, []byte(text))
		wantError(t, err, says)
	}
	text := strings.NewReplacer(`"form": "messages",`, "", `"kind": "chat",`, "", `"too_long": "cut"`, `"form": ""`).Replace(string(raw))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 1, SequenceLength: 8})
	wantError(t, err, "which tokens are learned")
}

func TestPrepareRejectsConversations(t *testing.T) {
	file := writeLines(t, talks(3)...)
	user := object{"role": "user", "content": "q"}
	bot := object{"role": "assistant", "content": "a"}
	twice := writeLines(t, object{"messages": []object{user, bot, user, bot}})
	for _, c := range []struct {
		change func(*PrepareOptions)
		field  string
		says   string
	}{
		{func(o *PrepareOptions) { o.Kind = "video" }, "data.PrepareOptions.Kind", "want chat or preferences"},
		{func(o *PrepareOptions) { o.TooLong = "keep" }, "data.PrepareOptions.TooLong", "want cut or drop"},
		{func(o *PrepareOptions) { o.Length = -1 }, "data.PrepareOptions.Length", "is -1"},
		{func(o *PrepareOptions) { o.Kind, o.Length = Texts, 5 }, "data.PrepareOptions.Kind", "for conversations"},
		{func(o *PrepareOptions) { o.Form = "x" }, "conversation.Options.Form", "want messages"},
		{func(o *PrepareOptions) { o.Tokenizer = letters{} }, "data.PrepareOptions.Tokenizer", "chat templates"},
		{func(o *PrepareOptions) { o.Tokenizer = talker(t, "") }, "tokenizer.Tokenizer.WithChatTemplate", "no chat template"},
		{func(o *PrepareOptions) {
			o.Files, o.Tokenizer = []string{twice}, talker(t, testTemplate+"{% if not add_generation_prompt %}END{% endif %}")
		}, "tokenizer.Tokenizer.WithChatTemplate", "message 2: it is written in another way"},
	} {
		o := PrepareOptions{Kind: Chat, Files: []string{file}, Tokenizer: talker(t, testTemplate), Out: filepath.Join(t.TempDir(), "set")}
		c.change(&o)
		_, err := Prepare(t.Context(), o)
		wantError(t, err, c.says)
		if e := setting.As(err); e == nil || e.Field != c.field {
			t.Errorf("%v: it names %+v, want %s", err, e, c.field)
		}
	}
	// Plain texts need no template.
	_, m := prepareRows(t, PrepareOptions{Kind: Chat, Tokenizer: talker(t, "")}, object{"text": "a b"})
	if m.Form != "text" || m.Train.Learned != m.Train.Tokens-1 {
		t.Errorf("form %s, %d of %d tokens are learned", m.Form, m.Train.Learned, m.Train.Tokens)
	}
}

const manifestOfChat = `{"kind": "chat", "format": "trit-dataset", "version": 1, "vocab_size": 9, "too_long": "cut", "left_out": {"empty": 1},
	"train": {"documents": 1, "shards": [{"file": "a.tokens", "documents": 1}]}}`

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifestOfChat))
	f.Add([]byte(strings.Replace(manifestOfChat, "chat", "preferences", 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseManifest("x", raw)
		if err != nil {
			return
		}
		if m.Kind != Texts && m.TooLong == "" || m.VocabSize < 1 || m.Kind == Preferences && slices.ContainsFunc(m.Train.Shards, func(s ShardInfo) bool { return s.Documents%2 != 0 }) {
			t.Errorf("it was accepted: %s", raw)
		}
		m.Fingerprint()
		m.Reasons()
	})
}

// Lists of groups in a parquet file, as the Hub stores messages, are the same as JSON lines.
func TestConversationsOfParquet(t *testing.T) {
	type message struct {
		Content *string `parquet:"content,optional"`
		Role    string  `parquet:"role"`
		Name    *string `parquet:"name,optional"`
	}
	type row struct {
		Messages []message `parquet:"messages,list"`
	}
	var rows []row
	for _, talk := range talks(20) {
		var r row
		for _, m := range talk.(object)["messages"].([]object) {
			text := m["content"].(string)
			r.Messages = append(r.Messages, message{Content: &text, Role: m["role"].(string)})
		}
		rows = append(rows, r)
	}
	o := PrepareOptions{Kind: Chat, Tokenizer: talker(t, testTemplate), Files: []string{writeRows(t, 7, rows)}, Out: filepath.Join(t.TempDir(), "set")}
	got, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, want := prepareRows(t, PrepareOptions{Kind: Chat, Tokenizer: o.Tokenizer}, talks(20)...)
	if got.Fingerprint() != want.Fingerprint() || got.Train.Documents != 20 {
		t.Errorf("%d conversations, and other tokens than those of JSON lines", got.Train.Documents)
	}
}

// The conversations that are kept are all but those that were dropped.
func TestKept(t *testing.T) {
	for _, dropped := range [][]int{nil, {0}, {0, 1, 2}, {4, 5}, {9}, {0, 3, 4, 9}, {1, 2, 3, 4, 5, 6, 7, 8}} {
		w := whole{units: 10, dropped: dropped}
		var got, want []int
		for i := range 10 {
			if !slices.Contains(dropped, i) {
				got, want = append(got, w.kept(len(want))), append(want, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("without %v: %v", dropped, got)
		}
	}
}
