package model

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// maxProblems is the number of faults that an error names.
const maxProblems = 5

// JoinFirst joins the first few of the errors and the number of the others: a wrong configuration
// makes an error for each tensor of a model.
func JoinFirst(errs []error) error {
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
