package mtbench

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
)

// Prompts are what the judge is told about the answers of the first and of the second turn, each
// without and with a reference.
type Prompts struct {
	Name  string // for results
	texts map[string]promptText
}

// promptText is a line of a file of prompts, as far as it is used here.
type promptText struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	System   string `json:"system_prompt"`
	Template string `json:"prompt_template"`
	Output   string `json:"output_format"`
}

// promptNames are FastChat's names of the prompts, by turn, without and with a reference.
var promptNames = [2][2]string{
	{"single-v1", "single-math-v1"},
	{"single-v1-multi-turn", "single-math-v1-multi-turn"},
}

// promptFields are the names in braces that a prompt must have, in the order of promptNames.
var promptFields = [2][2][]string{
	{{"question", "answer"}, {"question", "answer", "ref_answer_1"}},
	{
		{"question_1", "question_2", "answer_1", "answer_2"},
		{"question_1", "question_2", "answer_1", "answer_2", "ref_answer_1", "ref_answer_2"},
	},
}

const ratingFormat = "[[rating]]"

// Parts of the prompts of DefaultPrompts.
const (
	ownTask = "You grade the answers of an AI assistant. Be fair and strict. %s First say in a few sentences what is " +
		"good and what is wrong. Then end with one line that holds the grade, a number from 1 (useless) to 10 (could not " +
		"be better), in double square brackets, as in \"Grade: [[7]]\"."
	ownGeneral = "Weigh whether it helps, keeps to the question, is true, and is as deep, inventive and detailed as the " +
		"question deserves."
	ownReference = "Weigh whether it is right and helps. Compare it with the reference answer, and name each mistake."
	ownSecond    = " Grade the answer to the second question only; the first ones are there to understand it."
)

// DefaultPrompts are prompts in words of their own: those of the paper are in FastChat's
// data/judge_prompts.jsonl, which ReadPrompts reads. Ratings by other prompts are other ratings, so
// results say which were used.
func DefaultPrompts() *Prompts {
	p := &Prompts{Name: "trit's own", texts: map[string]promptText{}}
	for turn, names := range promptNames {
		for i, name := range names {
			what := ownGeneral
			template := "Question:\n{question}\n\n<answer>\n{answer}\n</answer>"
			if turn == 1 {
				template = "First question:\n{question_1}\n\n<answer>\n{answer_1}\n</answer>\n\n" +
					"Second question:\n{question_2}\n\n<answer>\n{answer_2}\n</answer>"
			}
			if i == 1 {
				what = ownReference
				template += "\n\n<reference>\n{ref_answer_1}\n</reference>"
			}
			if turn == 1 {
				what += ownSecond
			}
			if turn == 1 && i == 1 {
				template += "\n\n<reference of the second question>\n{ref_answer_2}\n</reference of the second question>"
			}
			p.texts[name] = promptText{name, "single", fmt.Sprintf(ownTask, what), template, ratingFormat}
		}
	}
	return p
}

// maxPrompts is the most bytes of a file of prompts.
const maxPrompts = 1 << 20

// ReadPrompts reads a file of prompts in the form of FastChat's judge_prompts.jsonl. Lines with other
// names than the four that are used (single-v1, single-math-v1 and those with -multi-turn) are passed
// over, as FastChat passes over them where single answers are graded.
func ReadPrompts(path string) (*Prompts, error) {
	b, err := atomicfile.Read(path, maxPrompts)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s (sha256 %x)", filepath.Base(path), sha256.Sum256(b))
	p := &Prompts{Name: name, texts: map[string]promptText{}}
	n := 0
	for line := range bytes.Lines(b) {
		if n++; len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var t promptText
		if err := jsonfile.Decode(line, &t); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		p.texts[t.Name] = t
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// check returns an error if a prompt is missing, or asks for something else than is done here.
func (p *Prompts) check() error {
	used := map[string]promptText{}
	for turn, names := range promptNames {
		for i, name := range names {
			t, ok := p.texts[name]
			if !ok {
				return fmt.Errorf("there is no prompt %q: want %q and %q", name, promptNames[0], promptNames[1])
			}
			if err := t.check(promptFields[turn][i]); err != nil {
				return fmt.Errorf("prompt %q: %w", name, err)
			}
			used[name] = t
		}
	}
	p.texts = used
	return nil
}

func (t *promptText) check(fields []string) error {
	if t.Type != "single" || t.Output != ratingFormat {
		return fmt.Errorf("type %q, output_format %q: want single and %s", t.Type, t.Output, ratingFormat)
	}
	found := map[string]bool{}
	for _, m := range brace.FindAllString(t.Template, -1) {
		name := strings.Trim(m, "{}")
		switch {
		case m == "{{" || m == "}}":
		case !slices.Contains(fields, name):
			return fmt.Errorf("prompt_template: %q is none of {%s}", m, strings.Join(fields, "}, {"))
		default:
			found[name] = true
		}
	}
	for _, f := range fields {
		if !found[f] {
			return fmt.Errorf("prompt_template: {%s} is missing: it has %v", f, slices.Sorted(maps.Keys(found)))
		}
	}
	return nil
}

// brace finds what Python's str.format replaces: double braces, names in braces, and single braces,
// which it refuses.
var brace = regexp.MustCompile(`\{\{|\}\}|\{[^{}]*\}|[{}]`)

// fill fills the fields of a template in.
func fill(template string, values map[string]string) string {
	return brace.ReplaceAllStringFunc(template, func(m string) string {
		if m == "{{" || m == "}}" {
			return m[:1]
		}
		return values[strings.Trim(m, "{}")]
	})
}

// ask is what the judge is told of the answer to a turn (0 or 1) of a question.
func (p *Prompts) ask(q *Question, answers []string, turn int) (name, system, user string) {
	values := map[string]string{"question": q.Turns[0], "answer": answers[0]}
	for i := range turn + 1 {
		values[fmt.Sprintf("question_%d", i+1)], values[fmt.Sprintf("answer_%d", i+1)] = q.Turns[i], answers[i]
	}
	for i, r := range q.Reference {
		values[fmt.Sprintf("ref_answer_%d", i+1)] = r
	}
	withReference := 0
	if len(q.Reference) > 0 {
		withReference = 1
	}
	t := p.texts[promptNames[turn][withReference]]
	return t.Name, t.System, fill(t.Template, values)
}
