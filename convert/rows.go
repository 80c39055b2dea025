package convert

import "trit/internal/parallel"

// stretchWeights is how many weights of a tensor are read before their memory is let go of.
const stretchWeights = 8 << 20

// eachRows calls body for parts of the rows of tensors of one shape, on all threads, and
// lets go of what was read. It returns the first error.
func eachRows(tensors []*tensor, body func(lo, hi int) error) error {
	rows, k := tensors[0].rows, tensors[0].k
	step := max(1, stretchWeights/k)
	for at := 0; at < rows; at += step {
		n := min(step, rows-at)
		err := onAllThreads(n, k, func(lo, hi int) error { return body(at+lo, at+hi) })
		for _, t := range tensors {
			t.release(at, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// onAllThreads calls body for parts of n rows of k weights, and returns the first error.
func onAllThreads(n, k int, body func(lo, hi int) error) error {
	errs := make(chan error, 1)
	parallel.Chunks(n, max(1, 1<<16/k), func(lo, hi int) {
		if err := body(lo, hi); err != nil {
			select {
			case errs <- err:
			default: // another one came first
			}
		}
	})
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
