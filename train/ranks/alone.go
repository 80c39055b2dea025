package ranks

// Alone is the job of a single process: rank 0 of 1.
var Alone Comm = alone{}

type alone struct{}

func (alone) Rank() int { return 0 }
func (alone) Size() int { return 1 }

func (a alone) AllToAll(dst, src []byte) error { return a.AllGather(dst, src) }

func (a alone) AllGather(dst, own []byte) error {
	if err := checkLengths(a, len(dst), len(own)); err != nil {
		return err
	}
	copy(dst, own)
	return nil
}

func (alone) Broadcast([]byte) error { return nil }
func (alone) Abort(string)           {}
func (alone) Close() error           { return nil }
