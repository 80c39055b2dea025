package chat

import (
	"fmt"
	"strings"
)

// Input is a message or a command.
type Input struct {
	Text    string // of a message
	Command string // name of a command, "" for a message
	Value   string // what follows the name of a command
}

// Composer joins lines to messages. A message is one line, several of which each but the last
// ends with an odd number of backslashes, or a block: what lies between two """. A line that
// begins with / is a command, one that begins with // is a message with one slash.
type Composer struct {
	lines  []string
	block  bool // within """
	quoted bool // of the message that has begun: it is a block, and no command
	pasted bool // of the message that has begun: it is a command only if there is one of its name
}

const (
	quotes = `"""`
	// pastedBreak ends a line that Terminal got as part of a pasted text: more of it follows.
	pastedBreak = "␤"
)

// Open reports whether a message has begun and not ended.
func (c *Composer) Open() bool { return len(c.lines) > 0 || c.block }

// Reset forgets what has begun.
func (c *Composer) Reset() { *c = Composer{} }

// Add takes the next line. It returns an input where the line completes one.
func (c *Composer) Add(line string) (in Input, ok bool) {
	text, pasted := strings.CutSuffix(line, pastedBreak)
	if !c.Open() && !pasted {
		if rest, opens := strings.CutPrefix(strings.TrimLeft(text, " \t"), quotes); opens {
			c.block, c.quoted = true, true
			if text = rest; strings.TrimSpace(text) == "" {
				return Input{}, false
			}
		}
	}
	c.pasted = c.pasted || pasted
	more := pasted
	if c.block {
		before, closed := strings.CutSuffix(strings.TrimRight(text, " \t"), quotes)
		if !closed || pasted {
			c.lines = append(c.lines, text)
			return Input{}, false
		}
		if text = before; text == "" {
			return c.complete(), true
		}
	} else if n := len(text) - len(strings.TrimRight(text, `\`)); n%2 == 1 && !pasted {
		text, more = text[:len(text)-1], true
	}
	if c.lines = append(c.lines, text); more {
		return Input{}, false
	}
	return c.complete(), true
}

// End ends the message that has begun, where the lines end. It reports whether there is one.
func (c *Composer) End() (in Input, ok bool) {
	ok = c.Open()
	return c.complete(), ok
}

func (c *Composer) complete() Input {
	text, quoted, pasted := strings.Join(c.lines, "\n"), c.quoted, c.pasted
	c.Reset()
	if pasted {
		text = strings.TrimSuffix(text, "\n")
	}
	if quoted || !strings.HasPrefix(text, "/") {
		return Input{Text: text}
	}
	if !pasted && strings.HasPrefix(text, "//") {
		return Input{Text: text[1:]}
	}
	name, value := text, ""
	if i := strings.IndexAny(text, " \t\n"); i >= 0 {
		name, value = text[:i], strings.TrimSpace(text[i:])
	}
	if _, known := valueOf[name]; pasted && !known {
		return Input{Text: text}
	}
	return Input{Command: name, Value: value}
}

// Commands of a talk.
const (
	Clear      = "/clear"
	System     = "/system"
	Save       = "/save"
	SaveOver   = "/save!"
	Regenerate = "/regenerate"
	Help       = "/help"
	Exit       = "/exit"
)

// valueOf names what follows a command, "" for nothing.
var valueOf = map[string]string{
	Clear: "", System: "[TEXT]", Save: "FILE", SaveOver: "FILE", Regenerate: "", Help: "", Exit: "",
}

// HelpText says what can be typed.
const HelpText = `/clear          forget the messages, but not the system message
/system TEXT    set the system message; without TEXT, remove it
/save FILE      write the messages to a new file, as JSON; /save! replaces a file
/regenerate     answer the last message again
/help           this text
/exit           end, as Ctrl-D does
//TEXT          send a message that begins with a slash
A line that ends with \ goes on in the next one. A line """ begins a message of several
lines, and the next """ ends it. Ctrl-C stops an answer, and twice in a row ends the talk.`

// Check returns why a command cannot be done: there is none of that name, or its value is
// missing or too much.
func (in Input) Check() error {
	value, known := valueOf[in.Command]
	switch {
	case !known:
		return fmt.Errorf("there is no command %s: %s lists them, and /%s sends it as a message",
			in.Command, Help, in.Command)
	case value == "" && in.Value != "":
		return fmt.Errorf("%s takes nothing after it: found %q", in.Command, in.Value)
	case value == "FILE" && in.Value == "":
		return fmt.Errorf("%s needs the name of a file: %s FILE", in.Command, in.Command)
	}
	return nil
}
