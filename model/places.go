package model

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// maxProblems is the number of faults that an error names.
const maxProblems = 5

// JoinFirst joins errors and names the first few: a wrong configuration makes one for each
// tensor of a model.
func JoinFirst(errs []error) error {
	if more := len(errs) - maxProblems; more > 0 {
		errs = append(slices.Clip(errs[:maxProblems]), fmt.Errorf("and %d more like these", more))
	}
	return errors.Join(errs...)
}

// Unplaced has an error for each tensor of a file that the model has no place for: leaving a
// bias out, say, would make another model. source is what the model was read from, such as
// config.json.
func Unplaced(tensors iter.Seq[string], hasPlace func(name string) bool, source string) (errs []error) {
	for name := range tensors {
		if !hasPlace(name) {
			errs = append(errs, fmt.Errorf("there is a tensor %s, which the model of %s has no place for", name, source))
		}
	}
	return errs
}
