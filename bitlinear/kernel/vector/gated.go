package vector

// ReLU2Product writes dst = max(gate,0)^2*up over the length of gate. dst may be gate.
func ReLU2Product(dst, gate, up []float32) {
	all, n := len(gate), lanes(len(gate))
	dst, up = dst[:all], up[:all]
	if n > 0 {
		chosen.relu2Product(n, &dst[0], &gate[0], &up[0])
	}
	relu2ProductGeneric(dst[n:], gate[n:], up[n:])
}

// SiLUProduct writes dst = gate*sigmoid(gate)*up over the length of gate. dst may be gate.
func SiLUProduct(dst, gate, up []float32) {
	all, n := len(gate), lanes(len(gate))
	dst, up = dst[:all], up[:all]
	if n > 0 {
		chosen.siluProduct(n, &dst[0], &gate[0], &up[0])
	}
	siluProductGeneric(dst[n:], gate[n:], up[n:])
}

// ReLU2Grad is the gradient of y = max(gate,0)^2*up for the gradient of y: dGate =
// 2*max(gate,0)*up*grad and dUp = max(gate,0)^2*grad, over the length of grad. dGate may be
// gate and dUp may be up.
func ReLU2Grad(dGate, dUp, gate, up, grad []float32) {
	all, n := len(grad), lanes(len(grad))
	dGate, dUp, gate, up = dGate[:all], dUp[:all], gate[:all], up[:all]
	if n > 0 {
		chosen.relu2Grad(n, &dGate[0], &dUp[0], &gate[0], &up[0], &grad[0])
	}
	relu2GradGeneric(dGate[n:], dUp[n:], gate[n:], up[n:], grad[n:])
}

// SiLUGrad is the gradient of y = gate*s*up with s = sigmoid(gate) for the gradient of y:
// dGate = s*(1+gate*(1-s))*up*grad and dUp = gate*s*grad, over the length of grad. dGate may
// be gate and dUp may be up.
func SiLUGrad(dGate, dUp, gate, up, grad []float32) {
	all, n := len(grad), lanes(len(grad))
	dGate, dUp, gate, up = dGate[:all], dUp[:all], gate[:all], up[:all]
	if n > 0 {
		chosen.siluGrad(n, &dGate[0], &dUp[0], &gate[0], &up[0], &grad[0])
	}
	siluGradGeneric(dGate[n:], dUp[n:], gate[n:], up[n:], grad[n:])
}
