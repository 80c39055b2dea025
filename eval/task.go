package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"trit/eval/internal/python"
)

// Kind is how a task asks, with the harness's names.
type Kind string

// The kinds of tasks.
const (
	MultipleChoice Kind = "multiple_choice"       // the likeliest of several answers
	LogLikelihood  Kind = "loglikelihood"         // how likely the right answer is
	Generation     Kind = "generate_until"        // a text that the model writes
	Rolling        Kind = "loglikelihood_rolling" // the perplexity of a text
)

// Metric is a measure, with the harness's names. Tasks of generation may have others of their
// own.
type Metric string

// Metrics of multiple choice: the share of questions whose right choice is the likeliest. Acc of a
// LogLikelihood task is the share of answers of which each token is the likeliest.
const (
	Acc      Metric = "acc"
	AccNorm  Metric = "acc_norm"  // by log-likelihood per character
	AccBytes Metric = "acc_bytes" // by log-likelihood per byte
)

// Metrics of rolling tasks, of all documents together.
const (
	WordPerplexity Metric = "word_perplexity"
	BytePerplexity Metric = "byte_perplexity"
	BitsPerByte    Metric = "bits_per_byte"
)

// Metrics of rolling tasks whose documents are tokens. They have BitsPerByte too.
const (
	Loss       Metric = "loss"       // nats per token
	Perplexity Metric = "perplexity" // e to the power of Loss; of a LogLikelihood task: per document
)

// Metrics of generation.
const (
	ExactMatch Metric = "exact_match"
	PassAt1    Metric = "pass@1" // the share of programs that pass their tests
)

// HigherIsBetter reports whether more of a metric is better.
func (m Metric) HigherIsBetter() bool {
	switch m {
	case WordPerplexity, BytePerplexity, BitsPerByte, Perplexity, Loss:
		return false
	}
	return true
}

// Task is a set of questions, and how answers to them are judged. A task needs Name, Kind, Test,
// Ask and Metrics; a task of generation has Answers instead of Metrics.
type Task struct {
	Name  string
	Alias string // stands for the name in tables; "": the name itself
	Note  string // stands behind the name in tables, in parentheses; "" for none
	About string // one line
	// Groups are those that the task is asked in, the outermost first (see Group).
	Groups []*Group
	Kind   Kind
	// Version is the harness's number for the task.
	Version float64
	Test    Source
	Fewshot Fewshot
	// Description stands before the examples; in a chat template it is the system's message.
	Description string
	// Chat asks in the model's chat template, each example as turns of its own, whatever
	// Options.ApplyChatTemplate is.
	Chat bool
	// Ask makes a question of a document.
	Ask func(*Fields) Question
	// Fit changes the task, which is a copy, for a set that begins with this document; may be nil.
	Fit func(t *Task, first Document)
	// Cluster names what a document shares with others, such as its passage, for standard errors by
	// cluster; nil, or "": the document depends on no other.
	Cluster func(*Fields) string
	// Process returns the document with the fields that the harness adds; nil adds none.
	Process func(*Fields) Document
	// Tokens returns the documents of a rolling task whose documents are tokens already; it
	// replaces Test, Ask and Metrics. Such a task has Loss, Perplexity and BitsPerByte.
	Tokens  func(context.Context, *Options) ([]TokenDocument, error)
	Metrics []Metric // of all kinds but generation
	// Share makes Acc of multiple choice the share of the choices' probability that the right ones
	// have (see Question.Right).
	Share   bool
	Answers Answers // of generation
	// Delimiters stand around the answers of few-shot examples; nil: DefaultDelimiters.
	Delimiters *Delimiters
	// Declaration is the declaration that the task was made of, for the results; nil for a task
	// written in Go.
	Declaration *Declaration
}

// TokenDocument is a document that is stored as tokens.
type TokenDocument struct {
	IDs   []int32 // without the tokens that begin and end a text, which Run adds
	Bytes int     // of the text; 0 of a set whose tokens are not all predicted: it has no BitsPerByte
	// Targets makes IDs a window as it goes through the model, with nothing put around it: its last Targets
	// tokens are predicted. 0: IDs are a whole text.
	Targets int
}

// Delimiters stand between question and answer, and after a few-shot example.
type Delimiters struct{ Target, Fewshot string }

// DefaultDelimiters are the delimiters of most tasks of the harness.
var DefaultDelimiters = Delimiters{Target: " ", Fewshot: "\n\n"}

// Fewshot says where the few-shot examples before a question come from.
type Fewshot struct {
	Count int    // unless Options.NumFewshot is another number
	Fixed bool   // Count holds, whatever Options.NumFewshot is
	From  Source // the zero value: the tested documents
	// Extra draws one example more than needed and drops examples that equal the document. The
	// harness does so if its settings test_split and fewshot_split are equal, or both missing.
	Extra    bool
	First    bool       // take the first documents instead of random ones
	Examples []Document // instead of From
	// Ask makes a question of an example; nil: Task.Ask.
	Ask func(*Fields) Question
}

// Answers say how the text that a model generates becomes a score.
type Answers struct {
	Until     []string // texts that end an answer
	MaxTokens int      // 0: DefaultMaxTokens
	Metric    Metric
	// Metrics, instead of Metric, are those of a Judge that gives several.
	Metrics []Metric
	Filters []Filter // each gives results of its own; at least one, such as WholeText
	Judge   Judge
	// Remark says in a few words what is strange about a text, for Remarks, or ""; may be nil.
	Remark  func(text string) string
	RunCode bool     // Judge runs programs that the model wrote
	Modules []string // of Python, which these programs import
}

// metrics are those that the answers have.
func (a *Answers) metrics() []Metric {
	if a.Metric == "" {
		return a.Metrics
	}
	return []Metric{a.Metric}
}

// DefaultMaxTokens is the most tokens of an answer if the task sets no number.
const DefaultMaxTokens = 256

// Judge judges the filtered answer to a question. If Answers.RunCode is set, several goroutines
// call it at once; otherwise sandbox may be nil.
type Judge func(ctx context.Context, sandbox Sandbox, q *Question, answer string) (Verdict, error)

// Verdict is the score of an answer.
type Verdict struct {
	Score float64 // 0 to 1
	// Values are the values of Answers.Metrics, instead of Score: whether the answer is right, as a bool, or a
	// []bool whose elements count one by one, such as those of several instructions.
	Values map[Metric]any
	End    string // if the answer is a program: a word that says how it ended, for the results
}

// Question is what a document asks.
type Question struct {
	// Contexts is the text before the answer, or one for each choice.
	Contexts []string
	Choices  []string
	Gold     int // number of the right choice
	// Right marks the right choices if there can be several; nil: Gold alone.
	Right []bool
	// Target is the right answer as text. If there is one context for each choice, it is the
	// text that follows each of them. In a LogLikelihood task no delimiter stands before it.
	Target string
	// Targets are the right answers, if there are several; Target is then the first of them.
	Targets []string
	// Shown is the right answer as the harness writes it into samples; "": Target, or the number of the
	// right choice.
	Shown string
	// Facts are what Ask knows of the document and Answers.Judge needs.
	Facts any
	// Prefix begins the answer: the model goes on from there.
	Prefix string
	// Text is the document of a rolling task. Words and Bytes divide its log-likelihood; if
	// Words is 0, both are counted in Text.
	Text         string
	Words, Bytes int
}

// example is a question and its answer, as shown before another question.
func (q *Question) example() (text, answer string) {
	switch {
	case len(q.Contexts) > 1:
		return q.Contexts[q.Gold], q.Target
	case len(q.Choices) > 0:
		return q.Contexts[0], q.Choices[q.Gold]
	}
	return q.Contexts[0], q.Target
}

// divisor is the number by which a metric divides the log-likelihood of the text.
func (q *Question) divisor(m Metric) int {
	if m == WordPerplexity {
		return q.Words
	}
	return q.Bytes
}

// question is a Question and the document that asks it, as Task.Process returned it.
type question struct {
	Question
	doc     Document
	cluster string // hash of Task.Cluster's text; "": none
	id      int    // number of the document in the set
}

// Question makes the question of a document.
func (t *Task) Question(d Document) (Question, error) {
	q, err := t.question(d)
	return q.Question, err
}

func (t *Task) question(d Document) (question, error) { return t.questionBy(t.Ask, d) }

// questionBy is the question that ask makes of a document.
func (t *Task) questionBy(ask func(*Fields) Question, d Document) (question, error) {
	f := NewFields(d)
	if t.Process != nil {
		if d = t.Process(f); f.Err() != nil {
			return question{}, f.Err()
		}
		f = NewFields(d)
	}
	q := question{Question: ask(f), doc: d}
	if t.Cluster != nil {
		if text := t.Cluster(f); text != "" {
			q.cluster = hashOf(text)[:16]
		}
	}
	if t.Kind == Rolling && q.Words == 0 {
		q.Words, q.Bytes = python.CountWords(q.Text), len(q.Text)
	}
	if f.Err() != nil {
		return q, f.Err()
	}
	return q, q.check(t.Kind)
}

// answers are the right answers as texts.
func (q *Question) answers() []string {
	if q.Targets != nil {
		return q.Targets
	}
	return []string{q.Target}
}

// isRight reports whether a choice is right.
func (q *Question) isRight(choice int) bool {
	if q.Right != nil {
		return q.Right[choice]
	}
	return choice == q.Gold
}

// check returns an error for a question that a task of a kind cannot ask.
func (q *Question) check(kind Kind) error {
	switch n := len(q.Contexts); {
	case kind == Rolling:
		return nil
	case kind != MultipleChoice && n != 1:
		return fmt.Errorf("the question has %d contexts: want 1", n)
	case kind == LogLikelihood && q.Target == "":
		return errors.New("the question has no target: its log-likelihood is what is asked")
	case kind != MultipleChoice:
		return nil
	case n != 1 && n != len(q.Choices):
		return fmt.Errorf("the question has %d contexts: want 1, or one for each of %d choices", n, len(q.Choices))
	case q.Gold < 0 || q.Gold >= len(q.Choices):
		return fmt.Errorf("the right choice is number %d of %d: want 0 to %d", q.Gold, len(q.Choices), len(q.Choices)-1)
	case q.Right != nil && len(q.Right) != len(q.Choices):
		return fmt.Errorf("%d of %d choices are marked as right or wrong: want all", len(q.Right), len(q.Choices))
	}
	return nil
}

// knownMetrics are the metrics of the kinds that need no Judge.
var knownMetrics = map[Kind][]Metric{
	MultipleChoice: {Acc, AccNorm, AccBytes},
	LogLikelihood:  {Perplexity, Acc},
	Rolling:        {WordPerplexity, BytePerplexity, BitsPerByte},
}

// check returns an error for a task that lacks a part.
func (t *Task) check() error {
	known, scored := knownMetrics[t.Kind]
	unknown := func(m Metric) bool { return !slices.Contains(known, m) }
	switch {
	case t.Name == "":
		return errors.New("a task has no name")
	case t.Kind == Rolling && t.Tokens != nil:
		return nil
	case t.Ask == nil:
		return fmt.Errorf("task %s: Ask is nil", t.Name)
	case scored && (len(t.Metrics) == 0 || slices.ContainsFunc(t.Metrics, unknown)):
		return fmt.Errorf("task %s: the metrics are %v: want some of %v", t.Name, t.Metrics, known)
	case t.Share && (t.Kind != MultipleChoice || !slices.Equal(t.Metrics, []Metric{Acc})):
		return fmt.Errorf("task %s: Share is for a task of multiple choice whose metric is %s alone", t.Name, Acc)
	case scored:
		return nil
	case t.Kind != Generation:
		return fmt.Errorf("task %s: the kind is %q: want %s, %s, %s or %s", t.Name, t.Kind,
			MultipleChoice, LogLikelihood, Generation, Rolling)
	case slices.Contains(t.Answers.Until, ""):
		return fmt.Errorf("task %s: a stop text is empty: every answer would end at its first token", t.Name)
	case t.Answers.Judge == nil || len(t.Answers.Filters) == 0 || len(t.Answers.metrics()) == 0:
		return fmt.Errorf("task %s: Answers need a metric, a filter and a judge", t.Name)
	}
	return nil
}

// chat reports whether the task is asked in the chat template, and there each example as turns of its own.
func (t *Task) chat(o *Options) (template, multiturn bool) {
	return o.ApplyChatTemplate || t.Chat, o.FewshotMultiturn || t.Chat && !o.ApplyChatTemplate
}

func (t *Task) delimiters() Delimiters {
	if t.Delimiters != nil {
		return *t.Delimiters
	}
	return DefaultDelimiters
}

// RunsCode reports whether some of the tasks run programs that the model writes, which need
// Options.Sandbox. It also returns the modules of Python that these programs import.
func RunsCode(tasks []Task) (runs bool, modules []string) {
	for _, t := range tasks {
		if t.Answers.RunCode {
			runs, modules = true, append(modules, t.Answers.Modules...)
		}
	}
	return runs, modules
}
