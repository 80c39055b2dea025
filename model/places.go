package model

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// maxProblems is the number of faults that an error names.
const maxProblems = 5

// Fault is what is wrong with tensors.
type Fault struct {
	Tensors []string
	Err     error
}

// Error names the first two of the tensors and the number of the others, and what is wrong.
func (f *Fault) Error() string {
	names, more := f.Tensors, ""
	if n := len(names) - 2; n > 0 {
		names, more = names[:2], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s%s: %v", strings.Join(names, ", "), more, f.Err)
}

// Unwrap returns what is wrong.
func (f *Fault) Unwrap() error { return f.Err }

// merged makes one of the faults that say the same of several tensors.
func merged(errs []error) (out []error) {
	same := map[string]*Fault{}
	for _, err := range errs {
		f, ok := err.(*Fault)
		if !ok {
			out = append(out, err)
			continue
		}
		if first, known := same[f.Err.Error()]; known {
			first.Tensors = append(first.Tensors, f.Tensors...)
			continue
		}
		f = &Fault{slices.Clone(f.Tensors), f.Err}
		same[f.Err.Error()] = f
		out = append(out, f)
	}
	return out
}

// JoinFirst joins the first few of the errors and the number of the others: a wrong configuration
// makes an error for each tensor of a model. What Faults say of several tensors it says once.
func JoinFirst(errs []error) error {
	errs = merged(errs)
	if more := len(errs) - maxProblems; more > 0 {
		errs = append(slices.Clip(errs[:maxProblems]), fmt.Errorf("and %d more like these", more))
	}
	return errors.Join(errs...)
}

// Unplaced returns an error for each tensor of a file that the model has no place for: without a
// bias, say, it would be another model. source is the file that describes the model, such as
// config.json.
func Unplaced(tensors iter.Seq[string], hasPlace func(name string) bool, source string) (errs []error) {
	for name := range tensors {
		if !hasPlace(name) {
			errs = append(errs, fmt.Errorf("there is a tensor %s, which the model of %s has no place for", name, source))
		}
	}
	return errs
}
