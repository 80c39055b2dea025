package eval

import (
	"context"
	"fmt"
	"reflect"

	"trit/tokenizer"
)

// Prompts keeps the requests of tasks from one evaluation to the next, so that models with the same
// tokenizer and the same MaxLength share the reading and the tokenising. The evaluations may differ in
// the model and in where results go, and in no other option. The zero value is ready to use.
type Prompts struct {
	tokenizer tokenizer.Vocab
	maxLength int
	tasks     map[string]*prepared
}

// prepare reads the tasks of the options and makes their requests, those that p lacks.
func (p *Prompts) prepare(ctx context.Context, o *Options, e *encoder) (tasks []*prepared, err error) {
	if p == nil {
		p = &Prompts{}
	}
	if v := o.Tokenizer.Vocab(); p.maxLength != o.MaxLength || !reflect.DeepEqual(p.tokenizer, v) {
		*p = Prompts{v, o.MaxLength, map[string]*prepared{}}
	}
	for i := range o.Tasks {
		t := &o.Tasks[i]
		if p.tasks[t.Name] == nil {
			if p.tasks[t.Name], err = t.prepare(ctx, o, e); err != nil {
				delete(p.tasks, t.Name)
				return nil, fmt.Errorf("task %s: %w", t.Name, err)
			}
		}
		tasks = append(tasks, p.tasks[t.Name])
	}
	return tasks, nil
}
