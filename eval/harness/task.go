package harness

import (
	"errors"

	"trit/eval"
)

// task makes the task; dir is the folder of its file.
func (c *config) task(dir string) (*eval.Task, error) {
	t := &eval.Task{
		Name: c.taskName, Alias: c.alias, About: "a task of lm-evaluation-harness's form, on " + c.path,
		Kind: c.kind, Version: c.version,
		Description: c.description, Delimiters: &c.delimiters,
	}
	key, name := "test_split", c.test
	if name == "" {
		key, name = "validation_split", c.validation
	}
	var err error
	if t.Test, err = c.source(dir, key, name); err != nil {
		return nil, err
	}
	if t.Fewshot, err = c.fewshotOf(dir); err != nil {
		return nil, err
	}
	if err := c.setJudge(t); err != nil {
		return nil, err
	}
	c.bind(t, nil)
	t.Fit = c.bind
	return t, c.checkDescription()
}

// checkDescription refuses a description that is a template: it is rendered with each document there.
func (c *config) checkDescription() error {
	t := &template{}
	if err := setTemplate(&t, "description", c.description); err != nil {
		return err
	}
	if text, err := (&filler{}).render(t); err != nil || text != c.description {
		return errors.New("description: it has Jinja in it: want a text that is the same for all documents")
	}
	return nil
}

// bind gives the task the functions that ask, for sets that begin with a document; without one, each
// document is its own first.
func (c *config) bind(t *eval.Task, first eval.Document) {
	known := c.shapeOf(first)
	asker := func(f *eval.Fields) *asker {
		s := known
		if first == nil {
			s = c.shapeOf(f.Document())
		}
		return c.asker(f, s)
	}
	t.Ask = func(f *eval.Fields) eval.Question { return asker(f).question() }
	t.Fewshot.Ask = func(f *eval.Fields) eval.Question { return asker(f).example() }
}
