package kernel

// ReLU2Grad is the gradient of y = max(gate,0)^2*up for the gradient of y: dGate =
// 2*max(gate,0)*up*grad and dUp = max(gate,0)^2*grad, over the length of grad. dGate may be
// gate and dUp may be up.
func ReLU2Grad(dGate, dUp, gate, up, grad []float32) {
	all, n := len(grad), lanes(len(grad))
	dGate, dUp, gate, up = dGate[:all], dUp[:all], gate[:all], up[:all]
	if n > 0 {
		chosenVectors.relu2Grad(n, &dGate[0], &dUp[0], &gate[0], &up[0], &grad[0])
	}
	relu2GradGeneric(dGate[n:], dUp[n:], gate[n:], up[n:], grad[n:])
}

func relu2GradGeneric(dGate, dUp, gate, up, grad []float32) {
	for i, d := range grad {
		g, u := max(gate[i], 0), up[i]
		dGate[i] = 2 * g * u * d
		dUp[i] = g * g * d
	}
}

// SiLUGrad is the gradient of y = gate*s*up with s = sigmoid(gate) for the gradient of y:
// dGate = s*(1+gate*(1-s))*up*grad and dUp = gate*s*grad, over the length of grad. dGate may
// be gate and dUp may be up.
func SiLUGrad(dGate, dUp, gate, up, grad []float32) {
	all, n := len(grad), lanes(len(grad))
	dGate, dUp, gate, up = dGate[:all], dUp[:all], gate[:all], up[:all]
	if n > 0 {
		chosenVectors.siluGrad(n, &dGate[0], &dUp[0], &gate[0], &up[0], &grad[0])
	}
	siluGradGeneric(dGate[n:], dUp[n:], gate[n:], up[n:], grad[n:])
}

func siluGradGeneric(dGate, dUp, gate, up, grad []float32) {
	for i, d := range grad {
		g, u := gate[i], up[i]
		s := 1 / (1 + Exp(-g))
		dGate[i] = s * (1 + g*(1-s)) * u * d
		dUp[i] = g * s * d
	}
}
