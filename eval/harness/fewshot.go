package harness

import (
	"errors"
	"fmt"

	"trit/eval"
)

// fewshotConfig is the key fewshot_config.
type fewshotConfig struct {
	first   bool
	split   string
	samples []eval.Document
	ask     templates // for examples, instead of those of the questions
	prefix  *template
}

func (c *config) setFewshot(key string, v any) error {
	m, ok := v.(*mapping)
	if !ok {
		return wrong(key, v, "a mapping")
	}
	for _, p := range m.pairs {
		name, _ := p.key.(string)
		if err := c.fewshot.set(name, p.value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if c.fewshot.split != "" && c.fewshot.samples != nil {
		return fmt.Errorf("%s: want split or samples, not both; the harness takes the split", key)
	}
	return nil
}

func (f *fewshotConfig) set(key string, v any) (err error) {
	switch key {
	case "sampler":
		f.first = v == any(string(eval.FirstSampler))
		if !f.first && v != any(string(eval.RandomSampler)) {
			return wrong(key, v, "default or first_n")
		}
	case "split":
		f.split, err = text(key, v)
	case "samples":
		return f.setSamples(key, v)
	case "doc_to_text":
		return setTemplate(&f.ask.text, key, v)
	case "doc_to_target":
		return setTemplate(&f.ask.target, key, v)
	case "doc_to_choice":
		return f.ask.setChoice(key, v)
	case "gen_prefix":
		return setTemplate(&f.prefix, key, v)
	case "process_docs":
		return refuse("changes the documents")(nil, key, v)
	case "fewshot_indices":
		return errors.New("fewshot_indices: the harness (4e7e0d47) does not pass them to its sampler; list the samples")
	default:
		return fmt.Errorf("the key %s is not read here", key)
	}
	return err
}

func (f *fewshotConfig) setSamples(key string, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return wrong(key, v, "a list of documents")
	}
	for _, e := range list {
		m, ok := e.(*mapping)
		if !ok {
			return wrong(key, e, "a document in each place of the list")
		}
		d, err := document(key, m)
		if err != nil {
			return err
		}
		f.samples = append(f.samples, d)
	}
	return nil
}

// fewshotOf says where the task's examples come from, by the harness's rules: the split that is
// named, the listed samples, and else the first that there is of training, validation and test.
func (c *config) fewshotOf(dir string) (eval.Fewshot, error) {
	f := eval.Fewshot{First: c.fewshot.first}
	if c.numFewshot != nil {
		f.Count, f.Fixed = *c.numFewshot, *c.numFewshot == 0
	}
	if c.kind == eval.Rolling {
		f.Count = 0
		return f, nil
	}
	key, name := "fewshot_split", c.fewshotSplit
	if c.fewshot.split != "" {
		key, name = "fewshot_config.split", c.fewshot.split
	}
	f.Extra = name == c.test
	if name == "" && c.fewshot.samples != nil {
		f.Examples = c.fewshot.samples
		return f, nil
	}
	if name == "" {
		for _, s := range []struct{ key, name string }{{"training_split", c.training}, {"validation_split", c.validation}, {"test_split", c.test}} {
			if s.name != "" {
				key, name = s.key, s.name
				break
			}
		}
	}
	var err error
	f.From, err = c.source(dir, key, name)
	return f, err
}
