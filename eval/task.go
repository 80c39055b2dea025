package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Task is a multiple-choice task, as declared in a small JSON file or built in.
type Task struct {
	Name    string `json:"name"`
	Data    string `json:"data"`    // JSONL file; relative to the data folder
	Context string `json:"context"` // template: {field} stands for a field of the document
	// Choices is the field that lists the choices, or the choices of every document.
	Choices Choices `json:"choices"`
	Gold    string  `json:"gold"` // field with the index of the right choice
	// Norm adds acc_norm: log-likelihoods divided by the choice's length in characters.
	Norm       bool `json:"acc_norm"`
	NumFewshot int  `json:"num_fewshot"`
	Rows       int  `json:"rows"` // how many documents a whole file has; 0: any
	// DropShot draws one shot more than asked for and drops the document itself, as
	// the harness does where shots come from the tested split, or seem to.
	DropShot bool `json:"-"`
}

// Choices is a field's name or a fixed list.
type Choices struct {
	Field string
	Fixed []string
}

// UnmarshalJSON reads a string or a list of strings.
func (c *Choices) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &c.Field) == nil {
		return nil
	}
	return json.Unmarshal(b, &c.Fixed)
}

// MarshalJSON is the inverse of UnmarshalJSON.
func (c Choices) MarshalJSON() ([]byte, error) {
	if c.Field != "" {
		return json.Marshal(c.Field)
	}
	return json.Marshal(c.Fixed)
}

// builtin tasks by name.
var builtin = []Task{arcEasy, arcChallenge, boolQ}

// TaskNames lists the built-in tasks.
func TaskNames() []string {
	names := []string{BitsPerByte}
	for _, t := range builtin {
		names = append(names, t.Name)
	}
	return names
}

// findTask is a built-in task, or the one declared in a JSON file.
func findTask(name string) (*Task, error) {
	for _, t := range builtin {
		if t.Name == name {
			return &t, nil
		}
	}
	if !strings.HasSuffix(name, ".json") {
		return nil, fmt.Errorf("there is no task %q: want one of %v, or a JSON file that declares one", name, TaskNames())
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	t := &Task{}
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Name == "" || t.Data == "" || t.Context == "" || t.Gold == "" || t.Choices.Field == "" && len(t.Choices.Fixed) < 2 {
		return nil, fmt.Errorf("%s: name, data, context, choices and gold are all needed", name)
	}
	if !filepath.IsAbs(t.Data) {
		if beside := filepath.Join(filepath.Dir(name), t.Data); fileExists(beside) {
			t.Data = beside
		}
	}
	return t, nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// document is one question with its choices.
type document struct {
	context string
	choices []string
	gold    int
	raw     json.RawMessage
}

// maxLineBytes bounds a line of a JSONL file.
const maxLineBytes = 16 << 20

// load reads the documents of a task.
func (t *Task) load(dataDir string) ([]document, error) {
	path := t.Data
	if !filepath.IsAbs(path) && !fileExists(path) {
		path = filepath.Join(dataDir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w: name the folder of its data with --data-dir", t.Name, err)
	}
	defer f.Close()
	var docs []document
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		d, err := t.document(slices.Clone(lines.Bytes()))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(docs)+1, err)
		}
		docs = append(docs, d)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(docs) == 0 || t.Rows > 0 && len(docs) != t.Rows {
		return nil, fmt.Errorf("%s: %d documents: the set of task %s has %d; the file is another one or cut short", path, len(docs), t.Name, t.Rows)
	}
	return docs, nil
}

func (t *Task) document(line []byte) (document, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return document{}, err
	}
	d := document{raw: line, choices: t.Choices.Fixed}
	var err error
	if d.context, err = fill(t.Context, fields); err != nil {
		return d, err
	}
	if t.Choices.Field != "" {
		list, ok := fields[t.Choices.Field].([]any)
		if !ok {
			return d, fmt.Errorf("field %q is no list of choices", t.Choices.Field)
		}
		for _, c := range list {
			s, ok := c.(string)
			if !ok {
				return d, fmt.Errorf("field %q holds %v: want strings", t.Choices.Field, c)
			}
			d.choices = append(d.choices, s)
		}
	}
	gold, ok := fields[t.Gold].(float64)
	if b, isBool := fields[t.Gold].(bool); isBool {
		gold, ok = 0, true
		if b {
			gold = 1
		}
	}
	d.gold = int(gold)
	if !ok || d.gold < 0 || d.gold >= len(d.choices) {
		return d, fmt.Errorf("field %q is %v: want the index of one of %d choices", t.Gold, fields[t.Gold], len(d.choices))
	}
	return d, nil
}

// fill puts the fields of a document into a template.
func fill(template string, fields map[string]any) (string, error) {
	var out strings.Builder
	for {
		before, rest, open := strings.Cut(template, "{")
		out.WriteString(before)
		if !open {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		value, ok := fields[name].(string)
		if !closed || !ok {
			return "", fmt.Errorf("the context needs the text field %q, which the document lacks", name)
		}
		out.WriteString(value)
		template = after
	}
}
