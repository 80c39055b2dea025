// Package conversation reads conversations and pairs of answers out of rows, in the forms that data
// sets have: lists of messages, prompts with completions, instructions with outputs, plain texts, and
// prompts with a chosen and a rejected answer.
package conversation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"trit/data/source"
	"trit/setting"
	"trit/tokenizer"
)

// Form is how a row holds a conversation.
type Form string

// The forms. Beside each but Text, the fields system and tools are read if a row has them.
const (
	Messages      Form = "messages"      // a list of role and content
	Conversations Form = "conversations" // a list of from and value, as ShareGPT has it
	Completion    Form = "completion"    // prompt and completion, each a text or a list of messages
	Instruction   Form = "instruction"   // instruction, input and output, as Alpaca has it
	Text          Form = "text"          // a text that is all learned, without a template
	Preferences   Form = "preferences"   // prompt, chosen and rejected, each a text or a list of messages
)

// Forms are the forms of conversations. They are looked for in this order.
var Forms = []Form{Messages, Conversations, Completion, Instruction, Text}

// The names of fields.
const (
	systemField  = "system"
	toolsField   = "tools"
	promptField  = "prompt"
	chosenField  = "chosen"
	rejectField  = "rejected"
	answerField  = "completion"
	requestField = "instruction"
	inputField   = "input"
	outputField  = "output"
)

// fields are those that a row of a form must have, and those that it may have.
func (f Form) fields() (must, may []string) {
	switch f {
	case Completion:
		return []string{promptField, answerField}, []string{systemField, toolsField}
	case Instruction:
		return []string{requestField, outputField}, []string{inputField, systemField, toolsField}
	case Text:
		return []string{source.PlainField}, nil
	case Preferences:
		return []string{chosenField, rejectField}, []string{promptField, systemField, toolsField}
	}
	return []string{string(f)}, []string{systemField, toolsField}
}

// Talk is a conversation, or a text.
type Talk struct {
	tokenizer.ChatRequest
	Text string // of the form Text
}

// Pair is a beginning of a conversation that goes on in two ways.
type Pair struct {
	Given            int // messages that both begin with
	Chosen, Rejected Talk
}

// Left is why a row holds nothing to learn from; "" if it does.
type Left string

// The reasons.
const (
	NoConversation Left = "no_conversation" // a field is null, or empty
	NoContent      Left = "no_content"      // a message has no content
	SameAnswers    Left = "same_answers"    // the chosen answer is the rejected one
)

// Options say what rows hold.
type Options struct {
	Form   Form   // "": as the fields of the first row say
	Column string // the field with the messages or the text; "": that of the form's name
	Pairs  bool   // pairs of answers, not conversations
}

// Reader reads the rows of one form.
type Reader struct {
	form      Form
	must, may []string
}

// NewReader chooses the form by the first row.
func NewReader(first source.Row, o Options) (*Reader, error) {
	form := o.Form
	switch {
	case o.Pairs:
		if form = Preferences; o.Form != "" || o.Column != "" {
			return nil, setting.Needs("conversation.Options.Form", "pairs of answers have one form, prompt, chosen and rejected",
				"leave {conversation.Options.Form} and {source.Options.Column} out")
		}
	case form == "" && slices.Contains(first.Names, o.Column) && !first.Has(o.Column):
		return nil, rowError(first, fmt.Sprintf("field %q", o.Column), "it is null in the first row, which tells the form",
			"name the form: "+string(Messages)+" or "+string(Text))
	case form == "" && o.Column != "":
		if form = Text; startsWith(first.Fields[o.Column], '[') {
			form = Messages
		}
	case form == "":
		form = formOf(first)
	case !slices.Contains(Forms, form):
		return nil, setting.Invalid("conversation.Options.Form", form, Forms...)
	}
	r := &Reader{form: form}
	r.must, r.may = form.fields()
	if o.Column != "" {
		if len(r.must) != 1 {
			return nil, setting.Needs("source.Options.Column", fmt.Sprintf("the form %s has fields of fixed names", form),
				"leave {source.Options.Column} out")
		}
		r.must = []string{o.Column}
	}
	return r, r.fits(first)
}

// formOf is the form of a row's fields, "" if they are of none.
func formOf(row source.Row) Form {
	for _, f := range Forms {
		must, _ := f.fields()
		if !slices.ContainsFunc(must, func(name string) bool { return !slices.Contains(row.Names, name) }) {
			return f
		}
	}
	return ""
}

// fits refuses rows that lack a field of the form.
func (r *Reader) fits(row source.Row) error {
	found := "it has the fields " + strings.Join(row.Names, ", ")
	if r.form == "" {
		return rowError(row, "fields", found+", which are of no known form",
			"want messages, conversations, prompt and completion, instruction and output, or text; name the field with the "+
				"messages or the text otherwise")
	}
	for _, name := range r.must {
		if !slices.Contains(row.Names, name) {
			return rowError(row, fmt.Sprintf("field %q", name), found, fmt.Sprintf("the form %s has %s", r.form,
				strings.Join(r.must, ", ")))
		}
	}
	return nil
}

// Form is the form of the rows.
func (r *Reader) Form() Form { return r.form }

// Fields are the fields of a row that are read, and those that are not.
func (r *Reader) Fields(row source.Row) (read, others []string) {
	for _, name := range row.Names {
		if slices.Contains(r.must, name) || slices.Contains(r.may, name) {
			read = append(read, name)
		} else {
			others = append(others, name)
		}
	}
	return read, others
}

// Conversation reads a row. left is not "" if it holds nothing to learn from; the error is a
// *source.FormatError that names row and field.
func (r *Reader) Conversation(row source.Row) (t Talk, left Left, err error) {
	if left, err := r.lacks(row); left != "" || err != nil {
		return t, left, err
	}
	p := &rowReader{row: row}
	switch r.form {
	case Text:
		t.Text = p.text(r.must[0])
		if p.left == "" && strings.TrimSpace(t.Text) == "" {
			p.left = NoConversation
		}
		return t, p.left, p.err
	case Completion:
		t.Messages = append(p.messages(promptField, userRole), p.messages(answerField, assistantRole)...)
	case Instruction:
		t.Messages = p.instruction()
	default:
		t.Messages = p.turns(r.must[0], row.Fields[r.must[0]])
	}
	p.around(&t)
	if p.left == "" && len(t.Messages) == 0 {
		p.left = NoConversation
	}
	return t, p.left, p.err
}

// lacks reports a row without a value that the form needs: null, or of a line without the field.
func (r *Reader) lacks(row source.Row) (Left, error) {
	for _, name := range r.must {
		if !row.Has(name) {
			return NoConversation, nil
		}
	}
	return "", nil
}

// Pair reads a row of preferences. What both lists of messages begin with is the prompt, if the row
// has none of its own that the answers go on from.
func (r *Reader) Pair(row source.Row) (pair Pair, left Left, err error) {
	if left, err := r.lacks(row); left != "" || err != nil {
		return pair, left, err
	}
	p := &rowReader{row: row}
	var prompt []tokenizer.Message
	if row.Has(promptField) {
		prompt = p.messages(promptField, userRole)
	}
	chosen, rejected := p.answer(chosenField, prompt), p.answer(rejectField, prompt)
	pair.Chosen.Messages, pair.Rejected.Messages = chosen, rejected
	p.around(&pair.Chosen)
	p.around(&pair.Rejected)
	if p.err != nil || p.left != "" {
		return pair, p.left, p.err
	}
	pair.Given = common(pair.Chosen.Messages, pair.Rejected.Messages)
	n := min(len(pair.Chosen.Messages), len(pair.Rejected.Messages))
	switch {
	case pair.Given == len(pair.Chosen.Messages) && pair.Given == len(pair.Rejected.Messages):
		return pair, SameAnswers, nil
	case pair.Given == 0:
		return pair, "", rowError(row, chosenField, "it begins with another message than "+rejectField,
			"give both the same prompt, or the prompt in a field of its own")
	case pair.Given == n || pair.Chosen.Messages[pair.Given].Role != assistantRole ||
		pair.Rejected.Messages[pair.Given].Role != assistantRole:
		return pair, "", rowError(row, chosenField, fmt.Sprintf("behind the %d messages that it has in common with %s there "+
			"is not an answer in both", pair.Given, rejectField), "let both differ in the assistant's answer")
	}
	return pair, "", nil
}

// common counts the equal messages at the beginning of two conversations.
func common(a, b []tokenizer.Message) (n int) {
	for n < len(a) && n < len(b) {
		x, errX := json.Marshal(a[n])
		y, errY := json.Marshal(b[n])
		if errX != nil || errY != nil || string(x) != string(y) {
			break
		}
		n++
	}
	return n
}

func startsWith(value json.RawMessage, c byte) bool { return len(value) > 0 && value[0] == c }

// rowError is the error of a field of a row.
func rowError(row source.Row, field, found, hint string) error {
	field = fmt.Sprintf("row %d: %s", row.Number, field)
	return &source.FormatError{Path: row.Path, Field: field, Found: found, Hint: hint}
}
