package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/infer"
	"trit/internal/chat"
	"trit/lm"
	"trit/repro"
	"trit/tokenizer"
)

// savedMessages are those that /save wrote, as "role content".
func savedMessages(t *testing.T, path string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var saved struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.Unmarshal(b, &saved); err != nil {
		t.Fatal(err)
	}
	for _, m := range saved.Messages {
		all = append(all, m.Role+" "+m.Content)
	}
	return all
}

// The oldest pairs go when the context is full; the system message stays, and so do answers
// what a talk with the last messages alone would give.
func TestChatLeavesTheOldestTurnsOut(t *testing.T) {
	model := chatModel(t, chatTemplate)
	lines := strings.Repeat("Once upon a time there was a fox.\n", 12)
	code, out, stderr := chatWith(model, lines, "--context", "128", "--system", "Be kind.")
	if code != cmdline.ExitOK || strings.Count(stderr, "no longer reads the oldest ") < 2 || strings.Contains(stderr, "refuse") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if n := strings.Count(out, "\n"); n < 12 {
		t.Errorf("%d lines of answers to 12 messages: %q", n, out)
	}
}

func TestChatCommands(t *testing.T) {
	model, dir := chatModel(t, chatTemplate), t.TempDir()
	file := filepath.Join(dir, "talk.json")
	in := strings.Join([]string{
		"forgotten", "/clear", "/system Be brief.", "first \\", "and more", `"""`, "a block", "/clear", "", "of lines", `"""`, "//slash",
		"/fly", "/clear now", "/save", "/save " + file, "/save " + file, "/help", "/regenerate", "/exit", "never read",
	}, "\n")
	code, out, stderr := chatWith(model, in, "--greedy")
	if code != cmdline.ExitOK {
		t.Fatalf("exit code %d, %s%s", code, out, stderr)
	}
	for _, want := range []string{
		"there is no command /fly", "/clear takes nothing", "/save FILE", "exists: /save! ", "/help ", "the system message is set", "7 messages in " + file,
		"at --temperature 0",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("nothing says %q: %s", want, stderr)
		}
	}
	saved := savedMessages(t, file)
	var users []string
	for _, m := range saved {
		if !strings.HasPrefix(m, "assistant ") {
			users = append(users, m)
		}
	}
	want := []string{"system Be brief.", "user first \nand more", "user a block\n/clear\n\nof lines", "user /slash"}
	if strings.Join(users, "|") != strings.Join(want, "|") || len(saved) != 7 {
		t.Errorf("messages %q, want %q and three answers", saved, want)
	}
	code, _, stderr = chatWith(model, "Hi\n/save! "+file+"\n")
	if code != cmdline.ExitOK || len(savedMessages(t, file)) != 2 {
		t.Errorf("replaced: exit code %d, %s", code, stderr)
	}
}

// Another answer comes of another seed; the text is what that seed gives.
func TestChatRegenerates(t *testing.T) {
	model := chatModel(t, chatTemplate)
	_, first, _ := chatWith(model, "Hello\n", "--temperature", "1.5", "--seed", "7")
	_, second, _ := chatWith(model, "Hello\n", "--temperature", "1.5", "--seed", "8")
	code, out, stderr := chatWith(model, "/regenerate\nHello\n/regenerate\n", "--temperature", "1.5", "--seed", "7")
	if code != cmdline.ExitOK || first == second || out != first+second || !strings.Contains(stderr, "no answer yet") {
		t.Errorf("exit code %d, %q and %q, want %q and %q", code, out, stderr, first, second)
	}
}

// A message with the name of a special token is text, as it is on the server.
func TestChatMessagesAreText(t *testing.T) {
	g, err := gguf.Open(chatModel(t, chatTemplate))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	tok, err := tokenizer.FromVocab(ggufmeta.ReadVocab(&g.Metadata))
	if err != nil {
		t.Fatal(err)
	}
	end := tok.EOS()
	ids, err := (&talk{generator: &generator{tok: tok}}).encode([]tokenizer.Message{{Role: "user", Content: "a" + tok.Vocab().Tokens[end]}})
	if err != nil || slices.Contains(ids, end) {
		t.Errorf("the message is encoded as %v (%v), with the end of a text, %d", ids, err, end)
	}
}

func TestChatWithoutATemplateFails(t *testing.T) {
	run, _ := smallRun(t, t.TempDir())
	model := filepath.Join(t.TempDir(), "m.gguf")
	mustTrit(t, "convert", run, model)
	if code, _, stderr := chatWith(model, "Hello\n"); code != cmdline.ExitFailed || !strings.Contains(stderr, "no chat template") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// A template that refuses or drops the system message is found before the first question.
func TestChatChecksTheSystemMessage(t *testing.T) {
	refuses := chatModel(t, "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"+chatTemplate)
	if code, _, stderr := chatWith(refuses, "Hi\n", "--system", "Be kind."); code != cmdline.ExitFailed || !strings.Contains(stderr, "no system role") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	code, out, stderr := chatWith(refuses, "/system Be kind.\nHi\n")
	if code != cmdline.ExitOK || out == "" || !strings.Contains(stderr, "stays as it was: ") || !strings.Contains(stderr, "no system role") {
		t.Errorf("exit code %d, %q, %s", code, out, stderr)
	}
	drops := chatModel(t, strings.ReplaceAll(chatTemplate, "{{ m.content }}", "{% if m.role != 'system' %}{{ m.content }}{% endif %}"))
	if _, _, stderr := chatWith(drops, "Hi\n", "--system", "Be kind."); !strings.Contains(stderr, "leaves the system message out") {
		t.Errorf("a template without a system message: %s", stderr)
	}
}

// typist is a user: each step is a line or an error of Lines. When it has typed a line that
// ends with "!", the next text of the answer brings an interrupt.
type typist struct {
	steps      []any
	interrupts chan os.Signal
	out        bytes.Buffer
	angry      bool
}

func (u *typist) ReadLine(string) (string, error) {
	if len(u.steps) == 0 {
		return "", io.EOF
	}
	step := u.steps[0]
	u.steps = u.steps[1:]
	if err, ok := step.(error); ok {
		return "", err
	}
	u.angry = strings.HasSuffix(step.(string), "!")
	return step.(string), nil
}

func (u *typist) Close() error { return nil }

func (u *typist) Write(b []byte) (int, error) {
	if u.angry {
		u.angry = false
		u.interrupts <- os.Interrupt
		time.Sleep(50 * time.Millisecond) // lets the interrupt stop the answer
	}
	return u.out.Write(b)
}

// Ctrl-C stops an answer and not the talk; twice in a row, the second at an empty line of a
// terminal or in the next answer of a pipe, it ends the talk.
func TestChatInterrupts(t *testing.T) {
	path := chatModel(t, chatTemplate)
	m, tok, err := repro.LoadGGUF(path, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, c := range map[string]struct {
		terminal bool
		steps    []any
		messages int // of the talk in the end
		left     int // steps not taken
	}{
		"stop and go on":             {true, []any{"Stop!", "Hello", "x"}, 6, 0},
		"then at an empty line":      {true, []any{"Stop!", chat.ErrInterrupt, "Hello"}, 2, 1},
		"stop two answers":           {true, []any{"Stop!", "Again!", "Hello"}, 6, 0},
		"an empty line twice":        {true, []any{chat.ErrInterrupt, chat.ErrInterrupt, "Hello"}, 0, 1},
		"an empty line once":         {true, []any{chat.ErrInterrupt, "Hello", chat.ErrInterrupt, "Hello"}, 4, 0},
		"a line is dropped":          {true, []any{"Stop!", chat.ErrAbandoned, "Hello"}, 4, 0},
		"a message is dropped":       {true, []any{"Stop!", `never \`, chat.ErrInterrupt, "Hello"}, 4, 0},
		"a pipe goes on":             {false, []any{"Stop!", "Hello"}, 4, 0},
		"a pipe, two answers":        {false, []any{"Stop!", "Again!", "Hello"}, 4, 1},
		"a pipe, not two in a row":   {false, []any{"Stop!", "Hello", "Again!", "Hello"}, 8, 0},
		"end of file in a message":   {false, []any{`the last \`}, 2, 0},
		"end of file in a block":     {false, []any{`"""`, "the last"}, 2, 0},
		"blank lines are no message": {false, []any{"", " ", "Hello"}, 2, 0},
	} {
		g, err := m.NewGenerator(tok, 2000)
		if err != nil {
			t.Fatal(err)
		}
		u := &typist{steps: c.steps, interrupts: make(chan os.Signal, 1)}
		const most = 12 // tokens of an answer
		request := lm.GenerateRequest{MaxTokens: most}
		talk := &talk{
			generator: &generator{g, m, 2000, tok, request, &cmdline.Console{Out: u, Err: io.Discard}, false},
			lines:     u, terminal: c.terminal, interrupts: u.interrupts,
		}
		if err := talk.run(t.Context()); err != nil || len(talk.Messages()) != c.messages || len(u.steps) != c.left {
			t.Errorf("%s: %d messages, %d steps left, %v; want %d and %d", name, len(talk.Messages()), len(u.steps), err, c.messages, c.left)
		}
		if messages := talk.Messages(); len(messages) > 1 && messages[0].Content == "Stop!" {
			if n := len(tok.Encode(messages[1].Content, false)); n == 0 || n >= most {
				t.Errorf("%s: the stopped answer has %d tokens of %d", name, n, most)
			}
		}
	}
}
