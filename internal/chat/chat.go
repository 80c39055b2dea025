// Package chat has the parts of a talk with a model that need neither the model nor a
// terminal: the messages and what of them fits into a context (Conversation), lines that
// become messages and commands (Composer), and the sources of lines: a pipe (Pipe) or a
// terminal with history and editing (Terminal).
package chat

import (
	"fmt"
	"slices"

	"trit/tokenizer"
)

// Roles of messages, by the names that chat templates know.
const (
	system    = "system"
	user      = "user"
	assistant = "assistant"
)

// Conversation is the messages of a talk: one of the system or none, then the user and the
// assistant in turn. It keeps all of them. The oldest turns may be left out of what the model
// reads.
type Conversation struct {
	messages []tokenizer.Message
	skipped  int // messages after the system's that the model no longer reads
}

// Messages are all messages of the talk.
func (c *Conversation) Messages() []tokenizer.Message { return slices.Clone(c.messages) }

// System is the text of the system message, "" for none.
func (c *Conversation) System() string {
	if c.turns() == 0 {
		return ""
	}
	return c.messages[0].Content
}

// SetSystem replaces the system message; "" removes it.
func (c *Conversation) SetSystem(text string) {
	c.messages = c.messages[c.turns():]
	if text != "" {
		c.messages = slices.Insert(c.messages, 0, tokenizer.Message{Role: system, Content: text})
	}
}

// turns is the index of the first message that is not the system's.
func (c *Conversation) turns() int {
	if len(c.messages) > 0 && c.messages[0].Role == system {
		return 1
	}
	return 0
}

// Clear forgets all messages but the system's.
func (c *Conversation) Clear() {
	c.messages, c.skipped = c.messages[:c.turns()], 0
}

// Ask appends a message of the user. The next call is Answer or Withdraw.
func (c *Conversation) Ask(text string) {
	c.messages = append(c.messages, tokenizer.Message{Role: user, Content: text})
}

// Answer appends the assistant's answer.
func (c *Conversation) Answer(text string) {
	c.messages = append(c.messages, tokenizer.Message{Role: assistant, Content: text})
}

// Withdraw removes a message of the user that has no answer.
func (c *Conversation) Withdraw() {
	if c.endsWith(user) {
		c.messages = c.messages[:len(c.messages)-1]
	}
}

// Reopen removes the last answer, so that its question can be answered again. It returns
// the answer, and reports whether there was one.
func (c *Conversation) Reopen() (answer string, ok bool) {
	if !c.endsWith(assistant) {
		return "", false
	}
	last := len(c.messages) - 1
	answer = c.messages[last].Content
	c.messages = c.messages[:last]
	return answer, true
}

func (c *Conversation) endsWith(role string) bool {
	n := len(c.messages)
	return n > 0 && c.messages[n-1].Role == role
}

// TooLongError is a message that does not fit into the context, even without the turns
// before it.
type TooLongError struct {
	Tokens  int // of the message, with the system message and the template's text
	Context int // tokens that the context holds
}

// Error implements error.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the message has %d tokens with the system message and the template's text: "+
		"want at most %d, since the context holds %d with an answer: shorten it", e.Tokens, e.Context-1, e.Context)
}

// Fit returns the tokens of the conversation, which ends with a message of the user. Where
// they leave less than answer of context tokens, it leaves out the oldest turns from now on:
// whole pairs of question and answer, never the system message. dropped is how many pairs that
// are. A last message that has no space for one token of an answer even alone is a
// TooLongError, and drops nothing.
func (c *Conversation) Fit(context, answer int, encode func([]tokenizer.Message) ([]int32, error)) (
	ids []int32, dropped int, err error,
) {
	first := c.turns()
	for skipped := c.skipped; ; skipped += 2 {
		rest := c.messages[first+skipped:]
		if ids, err = encode(slices.Concat(c.messages[:first], rest)); err != nil {
			return nil, 0, err
		}
		if len(ids)+answer <= context || len(rest) <= 1 && len(ids) < context {
			dropped = (skipped - c.skipped) / 2
			c.skipped = skipped
			return ids, dropped, nil
		}
		if len(rest) <= 1 {
			return nil, 0, &TooLongError{len(ids), context}
		}
	}
}
