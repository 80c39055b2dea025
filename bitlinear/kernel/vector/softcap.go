package vector

// SoftCap replaces x[i] by limit*tanh(x[i]/limit), which lies between -limit and limit (Gemma 2). It is
// computed as limit - 2*limit/(exp(2*x[i]/limit)+1), which is off by no more than 2^-22 of the limit.
func SoftCap(x []float32, limit float32) {
	ExpScaled(x, 2/limit, 0)
	for i, e := range x {
		x[i] = limit - 2*limit/(e+1)
	}
}

// SoftCapGrad multiplies grad[i] by the derivative of SoftCap where it gave y[i], 1 - (y[i]/limit)^2.
func SoftCapGrad(grad, y []float32, limit float32) {
	grad = grad[:len(y)]
	for i, v := range y {
		share := v / limit
		grad[i] *= 1 - share*share
	}
}
