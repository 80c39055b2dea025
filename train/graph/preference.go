package graph

import (
	"fmt"
	"math"
)

// Preference is the objective of direct preference optimisation (DPO, Rafailov et al. 2023). Rows 2i
// and 2i+1 of a batch are the chosen and the rejected text of a pair, scored where they have targets.
// The loss of a pair is -log sigmoid(margin), and a reward is Beta times the difference between the
// log-probabilities of a row by the model and by the reference, which did not learn:
//
//	margin = Beta*(log p(chosen) - log p_ref(chosen)) - Beta*(log p(rejected) - log p_ref(rejected))
type Preference struct {
	Beta float64 // how dear it is to part from the reference; above 0
	// LabelSmoothing is the probability that a pair is the wrong way round (cDPO): the loss is
	// -(1-s)*log sigmoid(margin) - s*log sigmoid(-margin). From 0 to below 0.5.
	LabelSmoothing float64
	// LengthNormalized divides log-probabilities by the number of targets of their row, so that long
	// texts do not weigh more.
	LengthNormalized bool
}

// Indices of the two rows of a pair.
const (
	Chosen   = 0
	Rejected = 1
)

// Pair is what a run found of a pair.
type Pair struct {
	Targets  [2]int     // number of each row; none: the pair is padding, which is not scored
	LogProbs [2]float64 // log-probability of each row by the model, a sum over its targets
	Rewards  [2]float64
	Loss     float64
}

// Scored reports whether the pair is more than padding.
func (p *Pair) Scored() bool { return p.Targets[Chosen] > 0 }

// Margin is by how much the chosen row has the higher reward.
func (p *Pair) Margin() float64 { return p.Rewards[Chosen] - p.Rewards[Rejected] }

// preference is the objective of the head. It needs two passes: the gradient of a token depends on
// the margin of its pair.
type preference struct {
	crossEntropy // of a token
	Preference
	reference []float64 // [B]
	pairs     []Pair    // [B/2]
	slopes    []float32 // [B], derivatives of the sum of the losses by -log p of a target of the row
}

func newPreference(o Options, targets []int32) *preference {
	return &preference{crossEntropy: crossEntropy{targets: targets}, Preference: *o.Preference,
		reference: make([]float64, o.Batch), pairs: make([]Pair, o.Batch/2), slopes: make([]float32, o.Batch)}
}

func (o *preference) together() bool { return true }

// row is the range of the positions of a row.
func (o *preference) row(r int) (lo, hi int) {
	length := len(o.targets) / len(o.reference)
	return r * length, (r + 1) * length
}

// check refuses pairs with one row that has targets and one that has none.
func (o *preference) check() error {
	for i := range o.pairs {
		p := &o.pairs[i]
		for side := range p.Targets {
			p.Targets[side] = 0
			lo, hi := o.row(2*i + side)
			for _, t := range o.targets[lo:hi] {
				if t >= 0 {
					p.Targets[side]++
				}
			}
		}
		if (p.Targets[Chosen] > 0) != (p.Targets[Rejected] > 0) {
			return fmt.Errorf("pair %d has %d targets in the chosen row and %d in the rejected one: want some in both",
				i, p.Targets[Chosen], p.Targets[Rejected])
		}
	}
	return nil
}

// total adds up the losses of the pairs, and sets the slopes of their rows.
func (o *preference) total(losses []float32) (sum float64, count int) {
	for i := range o.pairs {
		p := &o.pairs[i]
		o.slopes[2*i], o.slopes[2*i+1] = 0, 0
		if !p.Scored() {
			*p = Pair{}
			continue
		}
		betas := o.measure(p, i, losses)
		z, s := p.Margin(), o.LabelSmoothing
		p.Loss = -(1-s)*logSigmoid(z) - s*logSigmoid(-z)
		slope := 1 - s - math.Exp(logSigmoid(z)) // -dLoss/dz
		o.slopes[2*i], o.slopes[2*i+1] = float32(slope*betas[Chosen]), float32(-slope*betas[Rejected])
		sum += p.Loss
		count++
	}
	return sum, count
}

// measure sets log-probabilities and rewards of a pair. It returns the factor between both for each
// row.
func (o *preference) measure(p *Pair, i int, losses []float32) (betas [2]float64) {
	for side := range betas {
		p.LogProbs[side] = 0
		lo, hi := o.row(2*i + side)
		for _, l := range losses[lo:hi] {
			p.LogProbs[side] -= float64(l)
		}
		if betas[side] = o.Beta; o.LengthNormalized {
			betas[side] /= float64(p.Targets[side])
		}
		p.Rewards[side] = betas[side] * (p.LogProbs[side] - o.reference[2*i+side])
	}
	return betas
}

func (o *preference) gradient(token int, dst, row []float32, lse float64, share float32) {
	length := len(o.targets) / len(o.reference)
	o.crossEntropy.gradient(token, dst, row, lse, share*o.slopes[token/length])
}

// logSigmoid is log(1/(1+exp(-z))), also where exp overflows.
func logSigmoid(z float64) float64 { return min(z, 0) - math.Log1p(math.Exp(-math.Abs(z))) }

// Reference holds for each row, [B], the sum of the log-probabilities of its targets by the reference
// of a Preference, to be filled in place. It is nil without one.
func (d *Decoder) Reference() []float64 {
	if d.preference == nil {
		return nil
	}
	return d.preference.reference
}

// Pairs are the pairs of the last Run, [B/2], with a Preference.
func (d *Decoder) Pairs() []Pair {
	if d.preference == nil {
		return nil
	}
	return d.preference.pairs
}
