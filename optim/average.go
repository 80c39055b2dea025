package optim

// AverageDecay is the decay of a running mean of weights at a step, counted from 1: the share of
// the old mean in the new one. It is at most decay, and less at first, so that fresh weights soon
// leave the mean. The ramp (1+step)/(10+step) is taken from TensorFlow's
// ExponentialMovingAverage.
func AverageDecay(decay float64, step int) float64 {
	return min(decay, float64(1+step)/float64(10+step))
}

// Average moves running means towards values: mean = decay*mean + (1-decay)*value.
func Average(mean, value []float32, decay float64) {
	share := float32(1 - decay)
	value = value[:len(mean)]
	for i, m := range mean {
		mean[i] = m + share*(value[i]-m)
	}
}
