package convert

import "trit/internal/parallel"

// stretchWeights is how many weights of a tensor are read before their memory is let go of.
const stretchWeights = 8 << 20

// eachRows calls body for parts of the rows of tensors of one shape, on all threads, and
// lets go of what was read. It returns the first error.
func eachRows(tensors []*tensor, body func(lo, hi int) error) error {
	rows, k := tensors[0].rows, tensors[0].k
	step := max(1, stretchWeights/k)
	errs := make(chan error, 1)
	for at := 0; at < rows; at += step {
		n := min(step, rows-at)
		parallel.Chunks(n, max(1, 1<<16/k), func(lo, hi int) {
			if err := body(at+lo, at+hi); err != nil {
				select {
				case errs <- err:
				default: // another one came first
				}
			}
		})
		for _, t := range tensors {
			t.release(at, n)
		}
		if len(errs) > 0 {
			return <-errs
		}
	}
	return nil
}
