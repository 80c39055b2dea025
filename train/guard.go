package train

import "trit/train/runlog"

// SpikePolicy is what a run does when its Guard finds a step bad. A loss or a gradient that is
// not a number always ends the run, or takes it back.
type SpikePolicy string

// Policies about spikes.
const (
	SpikeWarn     SpikePolicy = "warn"     // logs it
	SpikeStop     SpikePolicy = "stop"     // ends with an error; the last checkpoint stands
	SpikeRollback SpikePolicy = "rollback" // goes back to the last checkpoint, and on behind the data that led to the step
)

// Guard judges each step by its loss and the norm of its gradient, before the weights
// move. What encoding/json makes of it is kept in checkpoints and read into it again,
// so that a resumed run judges as one that was never stopped.
type Guard interface {
	Observe(step int, loss, gradNorm float64) (finding string, bad bool)
}

// newGuard is the Guard of a run that is given none.
func newGuard() Guard { return &runlog.Spikes{} }
