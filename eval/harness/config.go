package harness

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"trit/eval"
)

// config is the keys of a task file, with the harness's defaults.
type config struct {
	taskName string
	alias    string // for tables
	kind     eval.Kind
	version  float64

	path, name           string // of the data set
	data                 dataFiles
	training, validation string // splits; "" for none
	test, fewshotSplit   string

	description string
	ask         templates // of the questions
	prefix      *template
	delimiters  eval.Delimiters
	numFewshot  *int
	fewshot     fewshotConfig
	metrics     []metric
	pipelines   []pipeline
	generation  *mapping
}

// templates make the parts of a question.
type templates struct {
	text, target *template
	choice       *template
	choices      []string // instead of choice
}

// keys read the values of keys. A value of null is not given to them, but those of notNull.
var keys = map[string]func(c *config, key string, v any) error{
	"task":        setText(func(c *config) *string { return &c.taskName }),
	"task_alias":  setText(func(c *config) *string { return &c.alias }),
	"output_type": (*config).setKind,
	"metadata":    (*config).setMetadata,

	"dataset_path":     setText(func(c *config) *string { return &c.path }),
	"dataset_name":     setText(func(c *config) *string { return &c.name }),
	"dataset_kwargs":   (*config).setDataArguments,
	"training_split":   setText(func(c *config) *string { return &c.training }),
	"validation_split": setText(func(c *config) *string { return &c.validation }),
	"test_split":       setText(func(c *config) *string { return &c.test }),
	"fewshot_split":    setText(func(c *config) *string { return &c.fewshotSplit }),

	"description":       setText(func(c *config) *string { return &c.description }),
	"target_delimiter":  setText(func(c *config) *string { return &c.delimiters.Target }),
	"fewshot_delimiter": setText(func(c *config) *string { return &c.delimiters.Fewshot }),
	"doc_to_text":       func(c *config, key string, v any) error { return setTemplate(&c.ask.text, key, v) },
	"doc_to_target":     func(c *config, key string, v any) error { return setTemplate(&c.ask.target, key, v) },
	"doc_to_choice":     func(c *config, key string, v any) error { return c.ask.setChoice(key, v) },
	"gen_prefix":        func(c *config, key string, v any) error { return setTemplate(&c.prefix, key, v) },
	"num_fewshot":       (*config).setNumFewshot,
	"fewshot_config":    (*config).setFewshot,

	"metric_list":       (*config).setMetrics,
	"filter_list":       (*config).setFilters,
	"generation_kwargs": (*config).setGeneration,
	"repeats":           (*config).setRepeats,
	"unsafe_code":       (*config).setUnsafe,

	"process_docs":    refuse("changes the documents"),
	"process_results": refuse("judges the answers"),
	"custom_dataset":  refuse("makes the documents"),
	"use_prompt":      refuse("takes the templates from promptsource"),
	"doc_to_image":    refuse("asks about images"),
	"doc_to_audio":    refuse("asks about sounds"),

	"tag": passOver, "should_decontaminate": passOver, "doc_to_decontamination_query": passOver,
}

// notNull are keys whose null is not the same as none.
var notNull = map[string]bool{
	"task": true, "output_type": true, "target_delimiter": true, "fewshot_delimiter": true, "repeats": true, "unsafe_code": true,
}

func setText(field func(*config) *string) func(*config, string, any) error {
	return func(c *config, key string, v any) (err error) {
		*field(c), err = text(key, v)
		return err
	}
}

func refuse(what string) func(*config, string, any) error {
	return func(_ *config, key string, v any) error {
		if f, ok := v.(function); ok {
			return refuseFunction(key, f)
		}
		return fmt.Errorf("%s: what %s is not read here; write the task as an eval.Task in Go", key, what)
	}
}

// passOver reads what changes neither a prompt nor a number.
func passOver(*config, string, any) error { return nil }

// parseConfig reads the keys of a task.
func parseConfig(m *mapping) (*config, error) {
	c := &config{kind: eval.Generation, delimiters: eval.DefaultDelimiters}
	for _, p := range m.pairs {
		key, _ := p.key.(string)
		set := keys[key]
		if set == nil {
			return nil, fmt.Errorf("the key %v is not known; the harness's tasks have none of this name", p.key)
		}
		if p.value == nil && !notNull[key] {
			continue
		}
		if err := set(c, key, p.value); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

func (c *config) check() error {
	switch {
	case c.taskName == "" || strings.ContainsAny(c.taskName, `/\,`):
		return fmt.Errorf("task is %q: want a name without slashes and commas", c.taskName)
	case c.path == "":
		return errors.New("dataset_path is needed")
	case c.ask.text == nil || c.ask.target == nil:
		return errors.New("doc_to_text and doc_to_target are needed")
	case c.kind == eval.MultipleChoice && !c.ask.hasChoices():
		return errors.New("doc_to_choice is needed for multiple_choice")
	case c.test == "" && c.validation == "":
		return errors.New("test_split or validation_split is needed: without both nothing is asked")
	}
	return nil
}

var kinds = []eval.Kind{eval.MultipleChoice, eval.LogLikelihood, eval.Generation, eval.Rolling}

func (c *config) setKind(key string, v any) error {
	for _, k := range kinds {
		if v == any(string(k)) {
			c.kind = k
			return nil
		}
	}
	return wrong(key, v, fmt.Sprintf("one of %v", kinds))
}

// setMetadata takes the version; what else there is, the harness only writes to its results.
func (c *config) setMetadata(key string, v any) error {
	m, ok := v.(*mapping)
	if !ok {
		return wrong(key, v, "a mapping with a version")
	}
	version, ok := m.get("version")
	if !ok || version == nil {
		return nil
	}
	if s, ok := version.(string); ok {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			version = f
		}
	}
	var err error
	c.version, err = number("metadata.version", version)
	return err
}

func (c *config) setNumFewshot(key string, v any) error {
	n, err := count(key, v)
	c.numFewshot = &n
	return err
}

func (c *config) setRepeats(key string, v any) error {
	if n, err := count(key, v); err != nil || n != 1 {
		return fmt.Errorf("repeats is %s: want 1; a question is answered once here, without sampling", shown(v))
	}
	return nil
}

func (c *config) setUnsafe(key string, v any) error {
	if v != any(false) {
		return fmt.Errorf("%s is %s: programs of a model are run by built-in tasks alone", key, shown(v))
	}
	return nil
}
