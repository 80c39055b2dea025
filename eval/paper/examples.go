package paper

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"trit/eval"
	"trit/internal/jsonfile"
)

// example is a document that a model had right or wrong.
type example struct {
	Task, Model, Verdict   string
	Document               int
	Prompt, Answer, Target string
}

// each is the number of right and of wrong examples of a task and a model.
const each = 2

// addExamples takes the first right and wrong documents of each task.
func (p *paper) addExamples(model string, e *eval.Evaluation) error {
	for _, task := range slices.Sorted(maps.Keys(e.Results())) {
		seen := map[string]int{}
		err := e.Samples(task, func(line []byte) error {
			if seen["right"] == each && seen["wrong"] == each {
				return nil
			}
			x, ok, err := readExample(line)
			if ok && seen[x.Verdict] < each {
				seen[x.Verdict]++
				x.Task, x.Model = task, model
				p.Examples = append(p.Examples, x)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readExample reads a sample, by its first metric. Samples whose metric is neither 0 nor 1 are no examples.
func readExample(line []byte) (x example, ok bool, err error) {
	var s struct {
		DocID     int `json:"doc_id"`
		Target    any
		Arguments map[string]map[string]any
		Filtered  []any `json:"filtered_resps"`
		Metrics   []string
	}
	if err := jsonfile.Decode(line, &s); err != nil {
		return x, false, err
	}
	var values map[string]any
	if err := jsonfile.Decode(line, &values); err != nil || len(s.Metrics) == 0 {
		return x, false, err
	}
	switch values[s.Metrics[0]] {
	case 1.0:
		x.Verdict = "right"
	case 0.0:
		x.Verdict = "wrong"
	default:
		return x, false, nil
	}
	x.Document, x.Target = s.DocID, shown(s.Target)
	x.Prompt = shown(s.Arguments["gen_args_0"]["arg_0"])
	for i, r := range s.Filtered {
		line := shown(r)
		if choice, isText := s.Arguments[fmt.Sprintf("gen_args_%d", i)]["arg_1"].(string); isText {
			line = fmt.Sprintf("%d:%s  %s", i, choice, line)
		}
		x.Answer += line + "\n"
	}
	x.Answer = strings.TrimSuffix(x.Answer, "\n")
	return x, true, nil
}

// longest is the number of characters of a text that are shown: its last ones, since the question stands
// behind the examples.
const longest = 1200

func shown(v any) string {
	s, isText := v.(string)
	if !isText {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		s = string(b)
	}
	if r := []rune(s); len(r) > longest {
		return "… " + string(r[len(r)-longest:])
	}
	return s
}

func (x example) text() string {
	return x.Prompt + "\n\nanswer:\n" + x.Answer + "\n\nright: " + x.Target
}

// Text is the example as the page shows it.
func (x example) Text() string { return x.text() }
