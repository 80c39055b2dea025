//go:build !purego

package vector

// absMaxNEON is the largest |x[i]|.
func absMaxNEON(n int, x *float32) float32

// quantizeNEON writes dst[i] = x[i]*scale, rounded half to even and clamped to int8, and returns the sum of dst.
func quantizeNEON(n int, dst *int8, x *float32, scale float32) int32

// rescaleNEON writes dst[i] = float32(x[i])*f.
func rescaleNEON(n int, dst *float32, x *int32, f float32)

// scaleNEON writes dst[i] = x[i]*f.
func scaleNEON(n int, dst, x *float32, f float32)

// ternarizeNEON writes dst[i] = max(-1, min(1, w[i]*inverse)) rounded half to even.
func ternarizeNEON(n int, dst, w *float32, inverse float32)

// scaledProductNEON writes dst[i] = w[i]*(x[i]*f).
func scaledProductNEON(n int, dst, w, x *float32, f float32)

// relu2ProductNEON writes dst[i] = max(gate[i],0)^2*up[i].
func relu2ProductNEON(n int, dst, gate, up *float32)

// dotNEON is the sum of x[i]*y[i], with one sum for each of 16 lanes.
func dotNEON(n int, x, y *float32) float32

// axpyNEON adds a*x[i] to y[i].
func axpyNEON(n int, a float32, x, y *float32)

// addNEON writes dst[i] = x[i]+y[i].
func addNEON(n int, dst, x, y *float32)

// normSumsNEON is normSumsGeneric, with two sums for each of 16 lanes.
func normSumsNEON(n int, dw, grad, x, w *float32, inverse float32) float32

// normGradNEON is normGradGeneric, with x[i]*f and the difference rounded once.
func normGradNEON(n int, dst, grad, x, w *float32, inverse, f float32)

// addNormGradNEON is addNormGradGeneric, with x[i]*f and the difference rounded once.
func addNormGradNEON(n int, dst, grad, x, w *float32, inverse, f float32)

// dotF16NEON is dotNEON with w in half precision.
func dotF16NEON(n int, w *uint16, x *float32) float32

// dotF16RowsNEON writes y[r] = dotF16NEON(n, w[r], x) for four rows, rowBytes apart.
func dotF16RowsNEON(n int, w *uint16, rowBytes int, x, y *float32)

// maxNEON is the largest x[i].
func maxNEON(n int, x *float32) float32

// expScaledNEON replaces x[i] by Exp(scale*(x[i]-top)) and returns the sum.
func expScaledNEON(n int, x *float32, scale, top float32) float32

// expSumNEON is the sum of Exp(scale*(x[i]-top)).
func expSumNEON(n int, x *float32, scale, top float32) float32

// siluProductNEON writes dst[i] = gate[i]*(1/(1+Exp(-gate[i])))*up[i].
func siluProductNEON(n int, dst, gate, up *float32)

// relu2GradNEON is relu2GradGeneric.
func relu2GradNEON(n int, dGate, dUp, gate, up, grad *float32)

// siluGradNEON is siluGradGeneric.
func siluGradNEON(n int, dGate, dUp, gate, up, grad *float32)

// adamWNEON is adamWGeneric.
func adamWNEON(n int, value, m, v, grad, step *float32)

// adamWBF16NEON is adamWBF16Generic.
func adamWBF16NEON(n int, value *float32, m, v *uint16, grad, step *float32, first, key uint32)

// sumSquaresNEON is the sum of x[i]*x[i] in float64, with one sum for each of 16 lanes.
func sumSquaresNEON(n int, x *float32) float64

// absSumNEON is the sum of |x[i]| in float64, with one sum for each of 16 lanes.
func absSumNEON(n int, x *float32) float64

// hadamard16NEON replaces each 16 values of x by f times their transform, not normalised.
func hadamard16NEON(n int, x *float32, f float32)

// butterflies2NEON is the stage of values h apart; h is a multiple of 16.
func butterflies2NEON(n int, x *float32, h int)

// butterflies4NEON is the stages of values h and 2h apart; h is a multiple of 16.
func butterflies4NEON(n int, x *float32, h int)

// deadSumNEON is the sum of the w[i] whose ternary value is 0, with one sum for each of 16 lanes.
func deadSumNEON(n int, w *float32, inverse float32) float32

// deadAddNEON adds a to dst[i] where the ternary value of w[i] is 0.
func deadAddNEON(n int, dst, w *float32, inverse, a float32)

// floatsBF16NEON writes the values of n bfloat16 numbers; n is a multiple of 16.
func floatsBF16NEON(n int, dst *float32, src *byte)

// floatsQ80NEON writes the values of Q8_0 blocks: 32 bytes each, times a scale in half precision before them.
func floatsQ80NEON(blocks int, dst *float32, src *byte)

// floatsQ6KNEON writes the values of Q6_K blocks.
func floatsQ6KNEON(blocks int, dst *float32, src *byte)

// widenF16NEON writes dst[i] = float32 of x[i].
func widenF16NEON(n int, dst *float32, x *uint16)

// widenInt8NEON writes dst[i] = float32 of x[i].
func widenInt8NEON(n int, dst *float32, x *int8)

// narrowF16NEON writes dst[i] = float16.Bits(x[i]).
func narrowF16NEON(n int, dst *uint16, x *float32)

// rotateNEON replaces x[i], y[i] by x[i]*cos[i]-y[i]*sin[i], y[i]*cos[i]+x[i]*sin[i].
func rotateNEON(n int, x, y, cos, sin *float32)

// dotTileNEON is a tile of one token: it writes y[r] = sum over i < n of w[r*k+i]*x[i] for four rows r.
func dotTileNEON(n int, w, x *float32, k int, y *float32, stride int)
