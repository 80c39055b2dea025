package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"trit/internal/jsonfile"
)

// Declaration is a task in a JSON or YAML file. It sets one of the fields Choices, Target and
// Text, which makes it a task of multiple choice, generation or rolling perplexity.
type Declaration struct {
	Name    string  `json:"name"`
	About   string  `json:"description,omitempty"`
	Version float64 `json:"version,omitempty"`
	// Data is a file of documents, JSON lines or parquet, beside the declaration or in
	// Options.DataDir.
	Data    string   `json:"data"`
	Rows    int      `json:"rows,omitempty"`    // of the whole file
	Columns []string `json:"columns,omitempty"` // which each document must have

	Context string `json:"context,omitempty"` // template of the text before the answer

	Choices Choices `json:"choices,omitzero"` // multiple choice
	Gold    string  `json:"gold,omitempty"`   // field with the number of the right choice

	Target     string        `json:"target,omitempty"` // generation: template of the right answer
	Until      []string      `json:"until,omitempty"`
	MaxTokens  int           `json:"max_gen_toks,omitempty"`
	Filters    []RegexFilter `json:"filters,omitempty"`
	ExactMatch *StringMatch  `json:"exact_match,omitempty"`

	Text string `json:"text,omitempty"` // rolling perplexity: template of the text

	Metrics    []Metric            `json:"metrics,omitempty"`
	NumFewshot int                 `json:"num_fewshot,omitempty"`
	Fewshot    *FewshotDeclaration `json:"fewshot,omitempty"`
	// Delimiters between question and answer, and after a few-shot example; nil: those of
	// DefaultDelimiters.
	TargetDelimiter  *string `json:"target_delimiter,omitempty"`
	FewshotDelimiter *string `json:"fewshot_delimiter,omitempty"`
}

// FewshotDeclaration says where few-shot examples come from: the file Data, the list Examples,
// or, without both, the tested documents themselves.
type FewshotDeclaration struct {
	Data     string            `json:"data,omitempty"`
	Sampler  Sampler           `json:"sampler,omitempty"`
	Examples []json.RawMessage `json:"examples,omitempty"`
}

// Sampler is how few-shot examples are chosen, with the harness's names.
type Sampler string

// The samplers; "" is RandomSampler.
const (
	RandomSampler Sampler = "default"
	FirstSampler  Sampler = "first_n"
)

// Choices are the answers of a multiple-choice task: the name of a field that lists them, or a
// fixed list.
type Choices struct {
	Field string
	Fixed []string
}

// UnmarshalJSON reads a string or a list of strings.
func (c *Choices) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &c.Field) == nil {
		return nil
	}
	if json.Unmarshal(b, &c.Fixed) != nil {
		return fmt.Errorf("choices are %s: want the name of a field, or a list of texts", b)
	}
	return nil
}

// MarshalJSON is the inverse of UnmarshalJSON.
func (c Choices) MarshalJSON() ([]byte, error) {
	if c.Field != "" {
		return json.Marshal(c.Field)
	}
	return json.Marshal(c.Fixed)
}

// maxTaskBytes bounds a declaration.
const maxTaskBytes = 1 << 20

// ReadTask reads a declaration: JSON if the name of the file ends in .json, else YAML.
func ReadTask(path string) (*Task, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxTaskBytes {
		return nil, fmt.Errorf("%s: it is %d bytes long: a task is at most %d", path, info.Size(), maxTaskBytes)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parseDeclaration(b, filepath.Ext(path) != ".json")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := d.task(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// parseDeclaration reads JSON, or YAML by way of it, and refuses unknown fields.
func parseDeclaration(b []byte, isYAML bool) (*Declaration, error) {
	if isYAML {
		var v any
		if err := yaml.Unmarshal(b, &v); err != nil {
			return nil, err
		}
		var err error
		if b, err = json.Marshal(v); err != nil {
			return nil, fmt.Errorf("YAML: %w", err)
		}
	}
	d := &Declaration{}
	if err := jsonfile.DecodeStrict(b, d); err != nil {
		return nil, err
	}
	return d, nil
}

// task makes the task; dir is the folder of the declaration.
func (d *Declaration) task(dir string) (*Task, error) {
	delimiters := DefaultDelimiters
	if d.TargetDelimiter != nil {
		delimiters.Target = *d.TargetDelimiter
	}
	if d.FewshotDelimiter != nil {
		delimiters.Fewshot = *d.FewshotDelimiter
	}
	t := &Task{Name: d.Name, About: d.About, Version: d.Version, Declaration: d, Delimiters: &delimiters}
	t.Test = Source{Files: []string{BesideFile(dir, d.Data)}, Columns: d.Columns, Rows: d.Rows}
	err := errors.Join(d.missing(), d.setQuestion(t), d.setJudge(t), d.setFewshot(t, dir))
	return t, err
}

// BesideFile is the path of a file in the folder of the declaration. If there is none, it is the
// name alone, so that the file is looked for in the data folder.
func BesideFile(dir, name string) string {
	if path, err := filepath.Abs(filepath.Join(dir, name)); err == nil && !filepath.IsAbs(name) && isFile(path) {
		return path
	}
	return name
}

// missing returns an error for a field that is needed and missing, or out of range.
func (d *Declaration) missing() error {
	if d.Name == "" || d.Data == "" {
		return errors.New("name and data are needed")
	}
	if d.Rows < 0 || d.MaxTokens < 0 || d.NumFewshot < 0 {
		return errors.New("rows, max_gen_toks and num_fewshot cannot be negative")
	}
	kinds := 0
	for _, given := range []bool{!d.Choices.none(), d.Target != "", d.Text != ""} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("want one of the fields choices (multiple choice), target (generation) and text (perplexity)")
	}
	if d.Text == "" && d.Context == "" {
		return errors.New("the context before the answer is needed")
	}
	return d.strayFields()
}

func (c Choices) none() bool { return c.Field == "" && len(c.Fixed) == 0 }

// strayFields returns an error for fields that this kind of task does not use.
func (d *Declaration) strayFields() error {
	generates := len(d.Until) > 0 || d.MaxTokens > 0 || len(d.Filters) > 0 || d.ExactMatch != nil
	switch {
	case d.Target == "" && generates:
		return errors.New("until, max_gen_toks, filters and exact_match are for tasks with a target")
	case (d.Gold != "") == d.Choices.none():
		return errors.New("choices and gold go together")
	case d.Text != "" && (d.Context != "" || d.NumFewshot > 0 || d.Fewshot != nil):
		return errors.New("a task with a text has neither context nor examples")
	}
	return nil
}

// setQuestion sets the kind of the task and how it makes questions.
func (d *Declaration) setQuestion(t *Task) error {
	var templates [3]*template
	for i, s := range []string{d.Context, d.Target, d.Text} {
		var err error
		if templates[i], err = parseTemplate(s); err != nil {
			return err
		}
	}
	context, target, text := templates[0], templates[1], templates[2]
	switch {
	case d.Text != "":
		t.Kind = Rolling
		t.Ask = func(f *Fields) Question { return Question{Text: text.fill(f)} }
	case d.Target != "":
		t.Kind = Generation
		t.Ask = func(f *Fields) Question {
			return Question{Contexts: []string{context.fill(f)}, Target: target.fill(f)}
		}
	default:
		t.Kind = MultipleChoice
		t.Ask = func(f *Fields) Question {
			q := Question{Contexts: []string{context.fill(f)}, Choices: d.Choices.Fixed}
			if d.Choices.Field != "" {
				q.Choices = f.Texts(d.Choices.Field)
			}
			q.Gold = f.Index(d.Gold, len(q.Choices))
			return q
		}
	}
	return nil
}

// usualMetrics are the metrics of a declared task that names none.
var usualMetrics = map[Kind][]Metric{
	MultipleChoice: {Acc, AccNorm},
	Generation:     {ExactMatch},
	Rolling:        {WordPerplexity, BytePerplexity, BitsPerByte},
}

// setJudge sets metrics, filters and judge.
func (d *Declaration) setJudge(t *Task) error {
	known := knownMetrics[t.Kind]
	if t.Kind == Generation {
		known = usualMetrics[Generation]
	}
	t.Metrics = usualMetrics[t.Kind]
	if d.Metrics != nil {
		t.Metrics = d.Metrics
	}
	for i, m := range t.Metrics {
		if !slices.Contains(known, m) || slices.Contains(t.Metrics[:i], m) {
			return fmt.Errorf("metrics: %q is not one of %v, each once, which tasks of this kind have", m, known)
		}
	}
	if t.Kind != Generation {
		return nil
	}
	t.Answers = Answers{Until: d.Until, MaxTokens: d.MaxTokens, Metric: ExactMatch}
	if d.Until == nil {
		t.Answers.Until = []string{t.Delimiters.Fewshot}
	}
	if slices.Contains(t.Answers.Until, "") {
		return errors.New("until: a text is empty, so every answer would end at its first token " +
			"(without until, it is fewshot_delimiter)")
	}
	match := StringMatch{}
	if d.ExactMatch != nil {
		match = *d.ExactMatch
	}
	var err error
	if t.Answers.Filters, err = d.filters(); err != nil {
		return err
	}
	t.Answers.Judge, err = match.Judge()
	return err
}

func (d *Declaration) filters() ([]Filter, error) {
	if d.Filters == nil {
		return []Filter{WholeText()}, nil
	}
	var filters []Filter
	for i, f := range d.Filters {
		again := slices.ContainsFunc(d.Filters[:i], func(g RegexFilter) bool { return g.Name == f.Name })
		if f.Name == "" || f.Regex == "" || strings.ContainsRune(f.Name, ',') || again {
			return nil, fmt.Errorf("filters: number %d: want a name of its own, without commas, and a regex", i+1)
		}
		filter, err := f.Filter()
		if err != nil {
			return nil, err
		}
		filters = append(filters, filter)
	}
	return filters, nil
}

// setFewshot sets where examples come from. If they come from the tested documents, one more
// than needed is drawn, so that the document that is asked can be dropped.
func (d *Declaration) setFewshot(t *Task, dir string) error {
	t.Fewshot = Fewshot{Count: d.NumFewshot, Extra: true}
	f := d.Fewshot
	if f == nil {
		return nil
	}
	if f.Sampler != "" && f.Sampler != RandomSampler && f.Sampler != FirstSampler {
		return fmt.Errorf("fewshot: sampler %q: want default or first_n", f.Sampler)
	}
	t.Fewshot.First = f.Sampler == FirstSampler
	if f.Data != "" && f.Examples != nil {
		return errors.New("fewshot: want data or examples, not both")
	}
	if f.Data != "" {
		t.Fewshot.Extra = BesideFile(dir, f.Data) == t.Test.Files[0]
		t.Fewshot.From = Source{Files: []string{BesideFile(dir, f.Data)}, Columns: d.Columns}
	}
	for i, e := range f.Examples {
		doc, err := parseDocument(e)
		if err != nil {
			return fmt.Errorf("fewshot: example %d: %w", i+1, err)
		}
		t.Fewshot.Extra, t.Fewshot.Examples = false, append(t.Fewshot.Examples, doc)
	}
	return nil
}

// template is a text in which {field} stands for a field of the document, and {{ and }} for
// braces.
type template struct {
	parts []string // text and names of fields in turn, text first
}

var (
	fieldName = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)
	jinja     = regexp.MustCompile(`(?:^|[^{])\{\{\s*([\pL_][\pL\pN_.]*)\s*\}\}`)
)

// parseTemplate parses a template. Braces that name no field are an error.
func parseTemplate(s string) (*template, error) {
	if m := jinja.FindStringSubmatch(s); m != nil {
		return nil, fmt.Errorf("template %q: {{%s}} is Jinja; a field is written {%s} here", s, m[1], m[1])
	}
	t, text := &template{}, ""
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			break
		}
		text += s[:i]
		if rest := s[i:]; strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			text, s = text+rest[:1], rest[2:]
			continue
		}
		name, after, closed := strings.Cut(s[i+1:], "}")
		if s[i] == '}' || !closed || !fieldName.MatchString(name) {
			return nil, fmt.Errorf("template: %q is no field in braces; a brace itself is written twice", s[i:])
		}
		t.parts, text, s = append(t.parts, text, name), "", after
	}
	t.parts = append(t.parts, text+s)
	return t, nil
}

func (t *template) fill(f *Fields) string {
	var out strings.Builder
	for i, p := range t.parts {
		if i%2 == 1 {
			p = f.Shown(p)
		}
		out.WriteString(p)
	}
	return out.String()
}
