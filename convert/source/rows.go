package source

// stretchWeights is the number of weights of a tensor that are read before their memory is
// released.
const stretchWeights = 8 << 20

// EachRange calls body for ranges [lo,hi) that cover the rows of tensors of one shape, on the
// threads of the first tensor's model. It releases the rows after body, and returns the first
// error.
func EachRange(tensors []*Tensor, body func(lo, hi int) error) error {
	rows := tensors[0].Rows
	step := max(1, stretchWeights/tensors[0].Columns)
	for at := 0; at < rows; at += step {
		n := min(step, rows-at)
		err := tensors[0].Ranges(n, func(lo, hi int) error { return body(at+lo, at+hi) })
		for _, t := range tensors {
			t.release(at, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Ranges calls body for ranges [lo,hi) that cover [0,n), on the threads of the model. Each number
// must stand for about the work on a row of t. It returns the first error.
func (t *Tensor) Ranges(n int, body func(lo, hi int) error) error {
	errs := make(chan error, 1)
	t.pool.Chunks(n, max(1, 1<<16/t.Columns), func(lo, hi int) {
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
