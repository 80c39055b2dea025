package train

import (
	"fmt"

	"trit/train/checkpoint"
)

// Best is where the held-out loss was lowest. It lies in the run's folder best as
// best.json, beside the weights of that step.
type Best struct {
	Step        int     `json:"step"`
	Tokens      int64   `json:"tokens"`
	Loss        float64 `json:"loss"` // over the first eval_batches, in nats a token
	BitsPerByte float64 `json:"bits_per_byte"`
	Averaged    bool    `json:"averaged,omitempty"` // the weights are their running mean
}

// keepBest saves the weights as they stand if they have the lowest held-out loss so far.
func (t *trainer) keepBest(s score) error {
	loss := s.loss()
	if t.memory.Best != nil && !(loss < t.memory.Best.Loss) || loss != loss {
		return nil
	}
	best := &Best{Step: t.step, Tokens: t.tokens, Loss: loss, BitsPerByte: s.bitsPerByte(), Averaged: t.average != nil}
	t.memory.Best = best
	if !t.leads() {
		return nil
	}
	m := t.model()
	return checkpoint.SaveBest(t.run.OutDir, &m, best)
}

// patience counts evaluations without improvement.
type patience struct {
	Loss  float64 `json:"loss"`  // that the next must undercut by early_stop_delta
	Seen  bool    `json:"seen"`  // that there is a Loss
	Stale int     `json:"stale"` // evaluations since
}

func (p *patience) count(loss, delta float64) {
	if !p.Seen && loss == loss || loss < p.Loss-delta {
		*p = patience{Loss: loss, Seen: true}
		return
	}
	p.Stale++
}

// earlyStop says why the run is at its end before max_steps, or nothing.
func (t *trainer) earlyStop() string {
	o, p := t.run.Options, t.memory.Patience
	if o.EarlyStopPatience == 0 || p.Stale < o.EarlyStopPatience {
		return ""
	}
	return fmt.Sprintf("the held-out loss has not fallen below %.4f by more than %g in %d evaluations (early_stop_patience)", p.Loss, o.EarlyStopDelta, p.Stale)
}
