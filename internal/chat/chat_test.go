package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/tokenizer"
)

// inputs are what lines become: a message in quotes, or a command and its value.
func inputs(lines ...string) (all []string) {
	var c Composer
	note := func(in Input) {
		if in.Command != "" {
			all = append(all, fmt.Sprintf("%s|%s", in.Command, in.Value))
			return
		}
		all = append(all, fmt.Sprintf("%q", in.Text))
	}
	for _, l := range lines {
		if in, ok := c.Add(l); ok {
			note(in)
		}
	}
	if in, ok := c.End(); ok {
		note(in)
	}
	return all
}

func TestLinesBecomeMessagesAndCommands(t *testing.T) {
	const more = pastedBreak
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"a", "b"}, `"a" "b"`},
		{[]string{`a\`, `b\`, "c", "d"}, `"a\nb\nc" "d"`},
		{[]string{`a\\`, `b\\\`, "c"}, `"a\\\\" "b\\\\\nc"`},
		{[]string{`"""`, "a", "", ` b\`, "/clear", `"""`, "c"}, `"a\n\n b\\\n/clear" "c"`},
		{[]string{`"""a`, `b"""`, "c"}, `"a\nb" "c"`},
		{[]string{` """ a""" `}, `" a"`},
		{[]string{`""""""`}, `""`},
		{[]string{`say """ twice`}, `"say \"\"\" twice"`},
		{[]string{`"""`, "/a"}, `"/a"`},
		{[]string{`a\`}, `"a"`},
		{[]string{"/clear"}, "/clear|"},
		{[]string{"/clear "}, "/clear|"},
		{[]string{"/system  be kind "}, "/system|be kind"},
		{[]string{`/system be\`, "kind"}, "/system|be\nkind"},
		{[]string{"//clear"}, `"/clear"`},
		{[]string{"///"}, `"//"`},
		{[]string{" /clear"}, `" /clear"`},
		{[]string{"/"}, "/|"},
		{[]string{"/usr/bin/x is"}, "/usr/bin/x|is"},
		{[]string{"a" + more, "b" + more, "c"}, `"a\nb\nc"`},
		{[]string{"a" + more, ""}, `"a"`},
		{[]string{"/usr/bin" + more, "b"}, `"/usr/bin\nb"`},
		{[]string{"//" + more, "b"}, `"//\nb"`},
		{[]string{"/system a" + more, "b"}, "/system|a\nb"},
		{[]string{`"""` + more, "b"}, `"\"\"\"\nb"`},
		{[]string{`"""`, `a"""` + more, `b\` + more, `"""`}, `"a\"\"\"\nb\\"`},
	} {
		if got := strings.Join(inputs(c.lines...), " "); got != c.want {
			t.Errorf("%q: %s, want %s", c.lines, got, c.want)
		}
	}
}

func TestCommandsAreChecked(t *testing.T) {
	for in, want := range map[Input]string{
		{Command: Clear}: "", {Command: System}: "", {Command: System, Value: "x"}: "", {Command: Save, Value: "f"}: "", {Command: Exit}: "",
		{Command: "/"}: "there is no command /: /help lists them, and // sends it", {Command: "/quit"}: "no command /quit", {Command: Clear, Value: "x"}: `found "x"`,
		{Command: Save}: "/save FILE", {Command: SaveOver}: "/save! FILE",
	} {
		if err := in.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", in, err, want)
		}
	}
	for name := range valueOf {
		if name != SaveOver && !strings.Contains("\n"+HelpText, "\n"+name) {
			t.Errorf("the help text lacks %s", name)
		}
	}
}

// countTokens takes each character for a token, and a message for one more.
func countTokens(messages []tokenizer.Message) ([]int32, error) {
	n := 0
	for _, m := range messages {
		n += 1 + len(m.Content)
	}
	return make([]int32, n), nil
}

func TestOldestPairsGo(t *testing.T) {
	var c Conversation
	c.SetSystem("sys") // 4 tokens
	var read []int
	for range 5 {
		c.Ask("question") // 9
		ids, _, err := c.Fit(40, 10, countTokens)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, len(ids))
		c.Answer("no") // 3
	}
	// 40-10 holds the system message, one pair of 12 and a question of 9.
	if want := []int{13, 25, 25, 25, 25}; !slices.Equal(read, want) {
		t.Errorf("read %v tokens, want %v", read, want)
	}
	if len(c.Messages()) != 11 || c.Messages()[0].Content != "sys" {
		t.Errorf("the talk has %d messages, want all", len(c.Messages()))
	}
	c.Ask(strings.Repeat("x", 30))
	if ids, dropped, err := c.Fit(40, 10, countTokens); err != nil || len(ids) != 35 || dropped != 2 {
		t.Errorf("a message with little space for an answer: %d tokens, %d dropped, %v", len(ids), dropped, err)
	}
}

func TestMessageThatDoesNotFit(t *testing.T) {
	var c Conversation
	c.Ask("a")
	c.Answer("b")
	c.Ask(strings.Repeat("x", 39))
	_, _, err := c.Fit(40, 10, countTokens)
	if tooLong := new(TooLongError); !errors.As(err, &tooLong) || *tooLong != (TooLongError{40, 40}) || !strings.Contains(err.Error(), "at most 39") {
		t.Errorf("error %v", err)
	}
	c.Withdraw()
	c.Ask("c")
	if ids, dropped, err := c.Fit(40, 10, countTokens); err != nil || dropped != 0 || len(ids) != 6 {
		t.Errorf("afterwards %d tokens, %d dropped, %v", len(ids), dropped, err)
	}
	bad := errors.New("template")
	if _, _, err := c.Fit(40, 10, func([]tokenizer.Message) ([]int32, error) { return nil, bad }); err != bad {
		t.Errorf("error %v, want the template's", err)
	}
}

func TestConversationChanges(t *testing.T) {
	var c Conversation
	if _, ok := c.Reopen(); ok || c.System() != "" {
		t.Error("an empty talk has an answer or a system message")
	}
	c.Withdraw()
	c.Ask("q")
	if _, ok := c.Reopen(); ok {
		t.Error("a question is no answer")
	}
	c.Answer("a")
	c.SetSystem("s")
	c.SetSystem("t")
	if answer, ok := c.Reopen(); !ok || answer != "a" || len(c.Messages()) != 2 || c.System() != "t" {
		t.Errorf("%q, %v, %v", answer, ok, c.Messages())
	}
	c.Clear()
	if got := c.Messages(); len(got) != 1 || got[0].Content != "t" {
		t.Errorf("cleared: %v", got)
	}
	if c.SetSystem(""); len(c.Messages()) != 0 {
		t.Errorf("no system message: %v", c.Messages())
	}
}

func TestSaveReplacesOnlyWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "talk.json")
	var c Conversation
	if err := c.Save(path, false); err != nil {
		t.Fatal(err)
	}
	c.Ask("a <b> & \"c\"")
	if err := c.Save(path, false); err == nil || !strings.Contains(err.Error(), "/save! "+path) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); strings.TrimSpace(string(b)) != "{\n  \"messages\": []\n}" {
		t.Errorf("the file became %s", b)
	}
	if err := c.Save(path, true); err != nil {
		t.Fatal(err)
	}
	var saved struct{ Messages []tokenizer.Message }
	b, _ := os.ReadFile(path)
	if err := json.Unmarshal(b, &saved); err != nil || len(saved.Messages) != 1 || saved.Messages[0].Content != "a <b> & \"c\"" {
		t.Errorf("%s, %v", b, err)
	}
	if err := c.Save(filepath.Join(path, "x"), false); err == nil {
		t.Error("a path through a file is no error")
	}
}

func TestPipe(t *testing.T) {
	long := strings.Repeat("x", 200000)
	var prompts strings.Builder
	p := NewPipe(strings.NewReader("a\r\n\n"+long+"\nlast"), &prompts)
	for _, want := range []string{"a", "", long, "last"} {
		if got, err := p.ReadLine("> "); got != want || err != nil {
			t.Errorf("a line of %d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	if _, err := p.ReadLine("> "); err != io.EOF || prompts.String() != "> > > > > " {
		t.Errorf("%v, prompts %q", err, prompts.String())
	}
}
