package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"trit/cmd/trit/cmdline"
	"trit/internal/chat"
	"trit/lm"
	"trit/tokenizer"
)

// talk is a chat with a model.
type talk struct {
	*generator
	chat.Conversation
	compose    chat.Composer
	lines      chat.Lines
	terminal   bool             // lines come from a terminal
	reading    chan lineRead    // nil: no ReadLine waits
	interrupts <-chan os.Signal // Ctrl-C while the terminal is not in raw mode
	stopped    bool             // what came last is Ctrl-C
	ended      bool             // by Ctrl-C in two answers of a pipe
	again      uint64           // answers that /regenerate asked for since the last message
}

type lineRead struct {
	line string
	err  error
}

// chat talks until the input ends. Ctrl-C stops an answer and not the program, so it no
// longer ends ctx; the other signals do.
func (g *generator) chat(c *cli.Context) error {
	t := &talk{generator: g}
	t.SetSystem(c.String("system"))
	if err := t.checkTemplate(); err != nil {
		return err
	}
	t.lines, t.terminal = chatLines(c.App.Reader, g.con)
	defer t.lines.Close()
	interrupts := make(chan os.Signal, 1)
	signal.Reset(os.Interrupt)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	t.interrupts = interrupts
	if t.terminal {
		g.con.Warnf("%s lists the commands, Ctrl-D ends", chat.Help)
	}
	return t.run(c.Context)
}

// chatLines is the source of lines, and reports whether it is a terminal.
func chatLines(in io.Reader, con *cmdline.Console) (lines chat.Lines, terminal bool) {
	f, ok := in.(*os.File)
	terminal = ok && term.IsTerminal(int(f.Fd()))
	switch {
	case terminal && con.Terminal && os.Getenv("TERM") != "dumb":
		return chat.NewTerminal(f, con.Err), true
	case con.Terminal:
		return chat.NewPipe(in, con.Err), terminal
	}
	return chat.NewPipe(in, nil), terminal
}

// run answers message after message. Two interrupts in a row end it, the second while it
// waits for a message. Where the lines are no terminal's, it ends at one while it waits, and
// where two answers in a row were stopped.
func (t *talk) run(ctx context.Context) error {
	for ctx.Err() == nil && !t.ended {
		in, err := t.next(ctx)
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case errors.Is(err, chat.ErrInterrupt) && !t.compose.Open():
			if t.stopped || !t.terminal {
				return nil
			}
			t.stopped = true
			t.con.Warnf("Ctrl-C again or Ctrl-D ends the chat")
			continue
		case errors.Is(err, chat.ErrInterrupt) || errors.Is(err, chat.ErrAbandoned):
			t.compose.Reset()
			t.stopped = true
			continue
		case err != nil:
			return err
		}
		t.stopped = t.stopped && !t.terminal
		if in.Command == chat.Exit && in.Value == "" {
			return nil
		}
		if err := t.take(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// next is the next message or command.
func (t *talk) next(ctx context.Context) (chat.Input, error) {
	for {
		prompt := "> "
		if t.compose.Open() {
			prompt = "... "
		}
		line, err := t.readLine(ctx, prompt)
		if errors.Is(err, io.EOF) && t.compose.Open() {
			in, _ := t.compose.End()
			return in, nil
		}
		if err != nil {
			return chat.Input{}, err
		}
		if in, ok := t.compose.Add(line); ok {
			return in, nil
		}
	}
}

// readLine waits for a line, an interrupt or the end of ctx. A wait that was interrupted
// goes on with the next call.
func (t *talk) readLine(ctx context.Context, prompt string) (string, error) {
	if t.reading == nil {
		reading := make(chan lineRead, 1)
		t.reading = reading
		go func() {
			line, err := t.lines.ReadLine(prompt)
			reading <- lineRead{line, err}
		}()
	}
	select {
	case r := <-t.reading:
		t.reading = nil
		return r.line, r.err
	case <-t.interrupts:
		return "", chat.ErrInterrupt
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// take does what an input asks for. What is wrong with an input is said, and is no error.
func (t *talk) take(ctx context.Context, in chat.Input) error {
	if in.Command == "" {
		if strings.TrimSpace(in.Text) == "" {
			return nil
		}
		t.again = 0
		t.Ask(in.Text)
		return t.answer(ctx, t.Withdraw)
	}
	if err := in.Check(); err != nil {
		t.con.Warnf("%v", err)
		return nil
	}
	switch in.Command {
	case chat.Clear:
		t.Clear()
		t.con.Warnf("the messages are forgotten")
	case chat.System:
		t.setSystem(in.Value)
	case chat.Save, chat.SaveOver:
		if err := t.Save(in.Value, in.Command == chat.SaveOver); err != nil {
			t.con.Warnf("%v", err)
			return nil
		}
		t.con.Warnf("%d messages in %s", len(t.Messages()), in.Value)
	case chat.Regenerate:
		return t.regenerate(ctx)
	case chat.Help:
		t.con.Warnf("%s", chat.HelpText)
	}
	return nil
}

// setSystem changes the system message, unless the model's template has no place for it.
func (t *talk) setSystem(text string) {
	before := t.System()
	t.SetSystem(text)
	if err := t.checkTemplate(); err != nil {
		t.SetSystem(before)
		t.con.Warnf("the system message stays as it was: %s", cmdline.OneLine(err))
		return
	}
	switch {
	case text != "":
		t.con.Warnf("the system message is set")
	case before != "":
		t.con.Warnf("the system message is removed")
	default:
		t.con.Warnf("there is no system message")
	}
}

// checkTemplate tries the model's template with the system message and a short question.
func (t *talk) checkTemplate() error {
	const question = "Hi"
	messages := []tokenizer.Message{{Role: "user", Content: question}}
	system := t.System()
	if system != "" {
		messages = append([]tokenizer.Message{{Role: "system", Content: system}}, messages...)
	}
	ids, err := t.encode(messages)
	if err != nil {
		return err
	}
	if n := len(ids); n >= t.context {
		return fmt.Errorf("the system message has %d tokens with a short question: the context holds %d", n, t.context)
	}
	text, err := t.tok.ApplyChat(tokenizer.ChatRequest{Messages: messages, AddGenerationPrompt: true})
	if err != nil {
		return err
	}
	if !strings.Contains(text, strings.TrimSpace(system)) {
		t.con.Warnf("the model's chat template leaves the system message out, or changes it")
	}
	return nil
}

// regenerate answers the last message again, with another seed.
func (t *talk) regenerate(ctx context.Context) error {
	before, ok := t.Reopen()
	if !ok {
		t.con.Warnf("there is no answer yet")
		return nil
	}
	if t.again++; t.request.Sampling.Temperature == 0 {
		t.con.Warnf("at --temperature 0 an answer stays the same")
	}
	return t.answer(ctx, func() { t.Answer(before) })
}

// answer answers the last message. Where there is no answer, because the message is too long
// or Ctrl-C came before the first token, it calls undo.
func (t *talk) answer(ctx context.Context, undo func()) error {
	reserve := max(1, min(t.request.MaxTokens, t.context/4))
	ids, dropped, err := t.Fit(t.context, reserve, t.encode)
	if tooLong := new(chat.TooLongError); errors.As(err, &tooLong) {
		undo()
		t.con.Warnf("%v", err)
		return nil
	}
	if err != nil {
		undo()
		t.con.Warnf("the model's chat template refuses the message: %s", cmdline.OneLine(err))
		return nil
	}
	if dropped > 0 {
		t.con.Warnf("the context of %d tokens is full: the model no longer reads the oldest %d questions and answers",
			t.context, dropped)
	}
	r, err := t.generate(ctx, ids)
	if err != nil {
		return err
	}
	if r.FinishReason == lm.FinishCancel && r.Text == "" {
		undo()
		t.con.Warnf("stopped before the answer began")
		return nil
	}
	t.Answer(r.Text)
	t.sayEnd(r)
	return nil
}

// encode lays messages out by the model's template, which alone writes special tokens, the first
// one included.
func (t *talk) encode(messages []tokenizer.Message) ([]int32, error) {
	return t.tok.EncodeChat(tokenizer.ChatRequest{Messages: messages, AddGenerationPrompt: true})
}

// generate prints the answer to ids, until it ends or an interrupt stops it.
func (t *talk) generate(ctx context.Context, ids []int32) (lm.GenerateResult, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	interrupted, watched := false, make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-t.interrupts:
			interrupted = true
			stop()
		case <-ctx.Done():
		}
	}()
	request := t.request
	request.Sampling.Seed += t.again
	request.Prompt = ids
	r, err := t.say(ctx, request)
	stop()
	<-watched
	t.ended = interrupted && t.stopped
	t.stopped = interrupted
	return r, err
}

// sayEnd says where an answer did not end by itself.
func (t *talk) sayEnd(r lm.GenerateResult) {
	switch r.FinishReason {
	case lm.FinishLength:
		t.con.Warnf("the answer was cut after %d tokens: -n allows more", len(r.Tokens))
	case lm.FinishContext:
		t.con.Warnf("the answer was cut: the context of %d tokens is full", t.context)
	}
}
