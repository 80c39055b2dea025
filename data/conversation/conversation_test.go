package conversation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"trit/data/source"
	"trit/setting"
	"trit/tokenizer"
)

// rowOf is a row of a JSON object.
func rowOf(t testing.TB, text string) source.Row {
	t.Helper()
	r := source.Row{Path: "a.jsonl", Number: 7}
	if err := json.Unmarshal([]byte(text), &r.Fields); err != nil {
		t.Fatal(err)
	}
	r.Names = slices.Sorted(maps.Keys(r.Fields))
	maps.DeleteFunc(r.Fields, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return r
}

// said is a conversation in one line.
func said(t testing.TB, messages []tokenizer.Message) string {
	t.Helper()
	var out []string
	for _, m := range messages {
		line := m.Role + ": " + m.Content
		for _, p := range m.Parts {
			line += p.Text
		}
		for _, c := range m.ToolCalls {
			line += fmt.Sprintf("%s(%s)", c.Function.Name, c.Function.Arguments)
		}
		out = append(out, line)
	}
	return strings.Join(out, " | ")
}

func TestForms(t *testing.T) {
	const talk = "user: Hi | assistant: Yo"
	for name, c := range map[string]struct {
		row  string
		form Form
		want string
	}{
		"messages":     {`{"id": 1, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}`, Messages, talk},
		"parts":        {`{"messages": [{"content": [{"type": "text", "text": "Hi"}], "role": "user"}]}`, Messages, "user: Hi"},
		"in a text":    {`{"messages": "[{\"role\": \"user\", \"content\": \"Hi\"}]"}`, Messages, "user: Hi"},
		"system field": {`{"system": "S", "messages": [{"role": "user", "content": "Hi"}]}`, Messages, "system: S | user: Hi"},
		"own system":   {`{"system": "S", "messages": [{"role": "system", "content": "T"}]}`, Messages, "system: T"},
		"ShareGPT": {`{"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"},
			{"from": "observation", "value": "3"}]}`, Conversations, "system: S | " + talk + " | tool: 3"},
		"roles there": {`{"conversations": [{"role": "user", "content": "Hi"}]}`, Conversations, "user: Hi"},
		"a call": {`{"conversations": [{"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"z\": 1, \"a\": 2}}"}]}`, Conversations,
			`assistant: f({"z": 1, "a": 2})`},
		"texts":        {`{"prompt": "Hi", "completion": "Yo"}`, Completion, talk},
		"lists":        {`{"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Yo"}]}`, Completion, talk},
		"Alpaca":       {`{"instruction": "Add", "input": "1 2", "output": "3", "text": "x"}`, Instruction, "user: Add\n\n1 2 | assistant: 3"},
		"Alpaca alone": {`{"instruction": "Add", "input": "", "output": "3"}`, Instruction, "user: Add | assistant: 3"},
		"calls": {`{"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function":
			{"name": "f", "arguments": "{\"z\": \"$1\"}"}}]}]}`, Messages, `assistant: f({"z": "$1"})`},
	} {
		row := rowOf(t, c.row)
		r, err := NewReader(row, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, left, err := r.Conversation(row)
		if err != nil || left != "" || r.Form() != c.form || said(t, got.Messages) != c.want {
			t.Errorf("%s: form %s, %q, left %q, %v; want %s, %q", name, r.Form(), said(t, got.Messages), left, err, c.form, c.want)
		}
	}
}

func TestPlainText(t *testing.T) {
	for _, c := range []struct {
		row string
		o   Options
	}{{`{"text": "a b"}`, Options{}}, {`{"messages": [], "body": "a b"}`, Options{Column: "body"}}, {`{"body": "a b"}`, Options{Form: Text, Column: "body"}}} {
		r, err := NewReader(rowOf(t, c.row), c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got, left, err := r.Conversation(rowOf(t, c.row)); err != nil || left != "" || got.Text != "a b" || r.Form() != Text {
			t.Errorf("%s: %+v, %q, %v", c.row, got, left, err)
		}
	}
}

func TestTools(t *testing.T) {
	for _, tools := range []string{`[{"name": "f", "a": 1}]`, `"[{\"name\": \"f\", \"a\": 1}]"`} {
		row := rowOf(t, `{"messages": [{"role": "user", "content": "Hi"}], "tools": `+tools+`}`)
		r, err := NewReader(row, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := r.Conversation(row)
		if err != nil || len(got.Tools) != 1 || string(got.Tools[0]) != `{"name": "f", "a": 1}` {
			t.Errorf("%s: %s, %v", tools, got.Tools, err)
		}
		if read, others := r.Fields(row); !slices.Equal(read, []string{"messages", "tools"}) || others != nil {
			t.Errorf("fields %v and %v", read, others)
		}
	}
}

func TestPairs(t *testing.T) {
	user := `{"role": "user", "content": "Hi"}`
	answer := func(text string) string { return `{"role": "assistant", "content": "` + text + `"}` }
	for name, c := range map[string]struct{ row, chosen, rejected string }{
		"texts":       {`{"prompt": "Hi", "chosen": "A", "rejected": "B"}`, "user: Hi | assistant: A", "user: Hi | assistant: B"},
		"with system": {`{"system": "S", "prompt": "Hi", "chosen": "A", "rejected": "B"}`, "system: S | user: Hi | assistant: A", "system: S | user: Hi | assistant: B"},
		"lists": {`{"prompt": [` + user + `], "chosen": [` + answer("A") + `], "rejected": [` + answer("B") + `]}`,
			"user: Hi | assistant: A", "user: Hi | assistant: B"},
		"UltraFeedback": {`{"prompt": "Hi", "chosen": [` + user + `,` + answer("A") + `], "rejected": [` + user + `,` + answer("B") + `]}`,
			"user: Hi | assistant: A", "user: Hi | assistant: B"},
		"implicit": {`{"chosen": [` + user + `,` + answer("A") + `], "rejected": [` + user + `,` + answer("B") + `]}`,
			"user: Hi | assistant: A", "user: Hi | assistant: B"},
		"hh-rlhf": {`{"chosen": "\n\nHuman: Hi\n\nAssistant: A", "rejected": "\n\nHuman: Hi\n\nAssistant: B"}`,
			"user: Hi | assistant: A", "user: Hi | assistant: B"},
	} {
		row := rowOf(t, c.row)
		r, err := NewReader(row, Options{Pairs: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, left, err := r.Pair(row)
		if err != nil || left != "" || said(t, p.Chosen.Messages) != c.chosen || said(t, p.Rejected.Messages) != c.rejected ||
			p.Given != len(p.Chosen.Messages)-1 {
			t.Errorf("%s: %d given, %q and %q, left %q, %v", name, p.Given, said(t, p.Chosen.Messages), said(t, p.Rejected.Messages), left, err)
		}
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		first, row string
		pairs      bool
		want       Left
	}{
		{`{"messages": []}`, `{"messages": []}`, false, NoConversation},
		{`{"messages": []}`, `{"messages": null}`, false, NoConversation},
		{`{"messages": []}`, `{"other": 1}`, false, NoConversation},
		{`{"messages": []}`, `{"messages": [{"role": "user"}]}`, false, NoContent},
		{`{"conversations": []}`, `{"conversations": [{"from": "gpt", "value": null}]}`, false, NoContent},
		{`{"instruction": "", "output": ""}`, `{"instruction": "a", "output": ""}`, false, NoContent},
		{`{"prompt": "", "completion": ""}`, `{"prompt": "a", "completion": ""}`, false, NoContent},
		{`{"text": ""}`, `{"text": " \n"}`, false, NoConversation},
		{`{"chosen": "", "rejected": ""}`, `{"prompt": "a", "chosen": "b", "rejected": "b"}`, true, SameAnswers},
	} {
		r, err := NewReader(rowOf(t, c.first), Options{Pairs: c.pairs})
		if err != nil {
			t.Fatal(err)
		}
		var left Left
		if c.pairs {
			_, left, err = r.Pair(rowOf(t, c.row))
		} else {
			_, left, err = r.Conversation(rowOf(t, c.row))
		}
		if err != nil || left != c.want {
			t.Errorf("%s: left %q, %v; want %q", c.row, left, err, c.want)
		}
	}
}

// Errors name file, row and field.
func TestRowsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		row   string
		pairs bool
		field string
	}{
		{`{"messages": 3}`, false, "messages"},
		{`{"messages": [3]}`, false, "messages[0]"},
		{`{"messages": [{"role": "boss", "content": "x"}]}`, false, "messages[0].role"},
		{`{"messages": [{"content": "x"}]}`, false, "messages[0].role"},
		{`{"messages": [{"role": "user", "content": 3}]}`, false, "messages[0].content"},
		{`{"messages": [{"role": "user", "content": [{"type": "image"}]}]}`, false, "messages[0].content[0]"},
		{`{"messages": [{"role": "assistant", "content": "x", "weight": 0}]}`, false, "messages[0].weight"},
		{`{"messages": [{"role": "user", "content": "x"}], "tools": "x"}`, false, "tools"},
		{`{"messages": [{"role": "user", "content": "x"}], "tools": [1]}`, false, "tools"},
		{`{"conversations": [{"from": "boss", "value": "x"}]}`, false, "conversations[0].from"},
		{`{"conversations": [{"from": "gpt", "value": {}}]}`, false, "conversations[0].value"},
		{`{"instruction": 3, "output": "x"}`, false, "instruction"},
		{`{"text": ["x"]}`, false, "text"},
		{`{"chosen": "x", "rejected": "y"}`, true, "chosen"},
		{`{"chosen": [{"role": "user", "content": "x"}], "rejected": [{"role": "user", "content": "y"}]}`, true, "chosen"},
		{`{"chosen": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "z"}], "rejected": [{"role": "user", "content": "x"}]}`, true, "chosen"},
	} {
		row := rowOf(t, c.row)
		r, err := NewReader(row, Options{Pairs: c.pairs})
		if err == nil && c.pairs {
			_, _, err = r.Pair(row)
		} else if err == nil {
			_, _, err = r.Conversation(row)
		}
		var format *source.FormatError
		if !errors.As(err, &format) || format.Path != "a.jsonl" || format.Field != "row 7: "+c.field || format.Hint == "" {
			t.Errorf("%s: %v, want one of row 7: %s", c.row, err, c.field)
		}
	}
}

func TestFormsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		row  string
		o    Options
		says string
	}{
		{`{"a": 1, "b": 2}`, Options{}, "it has the fields a, b"},
		{`{"a": 1}`, Options{Form: Messages}, `field "messages"`},
		{`{"a": 1}`, Options{Form: "alpaca"}, "want messages, conversations, completion, instruction or text"},
		{`{"instruction": "a", "output": "b"}`, Options{Form: Instruction, Column: "x"}, "fields of fixed names"},
		{`{"chosen": "a", "rejected": "b"}`, Options{Pairs: true, Column: "x"}, "pairs of answers have one form"},
		{`{"chosen": "a"}`, Options{Pairs: true}, `field "rejected"`},
		{`{"a": 1}`, Options{Column: "x"}, `field "x"`},
		{`{"x": null}`, Options{Column: "x"}, "null in the first row"},
	} {
		_, err := NewReader(rowOf(t, c.row), c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+v: %v, want %q", c.row, c.o, err, c.says)
		}
		if e := setting.As(err); e != nil && !strings.Contains(e.Field, "Options.") {
			t.Errorf("%v names %q", err, e.Field)
		}
	}
}

// No row makes a reader fail in another way than by an error, and what is read is written as JSON.
func FuzzRow(f *testing.F) {
	f.Add([]byte(`{"messages": [{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]}`))
	f.Add([]byte(`{"conversations": [{"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {}}"}], "tools": "[{}]"}`))
	f.Add([]byte(`{"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]}`))
	f.Add([]byte(`{"chosen": "\n\nHuman: Hi\n\nAssistant: A", "rejected": "\n\nHuman: Hi"}`))
	f.Add([]byte(`{"instruction": "a", "input": "b", "output": "c", "system": "d"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(line, &fields) != nil {
			return
		}
		row := source.Row{Path: "x", Number: 1, Names: slices.Sorted(maps.Keys(fields)), Fields: fields}
		maps.DeleteFunc(fields, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
		if r, err := NewReader(row, Options{}); err == nil {
			talk, left, err := r.Conversation(row)
			if err == nil && left == "" && talk.Text == "" {
				if len(talk.Messages) == 0 {
					t.Error("a conversation without messages")
				}
				if _, err := json.Marshal(talk.Messages); err != nil {
					t.Errorf("the messages cannot be written: %v", err)
				}
			}
		}
		if r, err := NewReader(row, Options{Pairs: true}); err == nil {
			pair, left, err := r.Pair(row)
			if err == nil && left == "" && (pair.Given < 1 || pair.Given >= len(pair.Chosen.Messages)) {
				t.Errorf("%d of %d messages are given", pair.Given, len(pair.Chosen.Messages))
			}
		}
	})
}
