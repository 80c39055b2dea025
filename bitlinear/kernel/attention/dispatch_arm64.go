//go:build !purego

package attention

// implementations lists the implementations that this processor can run, the best first. All
// processors of the architecture have NEON.
func implementations() []implementation { return []implementation{neon, generic} }

var neon = implementation{
	name: "neon",
	f32:  []tile[float32]{{4, panelF32NEONx4}, {2, panelF32NEONx2}, {1, panelF32NEONx1}},
	f16:  []tile[uint16]{{4, panelF16NEONx4}, {2, panelF16NEONx2}, {1, panelF16NEONx1}},
	int8: []tile[int8]{{4, panelInt8NEONx4}, {2, panelInt8NEONx2}, {1, panelInt8NEONx1}},
}

// panelF32NEONx1 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 1 and j < 32, p in order.
//
//go:noescape
func panelF32NEONx1(k int, a *float32, lda int, b *float32, dst *float32, ldc int)

// panelF32NEONx2 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 2 and j < 32, p in order.
//
//go:noescape
func panelF32NEONx2(k int, a *float32, lda int, b *float32, dst *float32, ldc int)

// panelF32NEONx4 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 4 and j < 32, p in order.
//
//go:noescape
func panelF32NEONx4(k int, a *float32, lda int, b *float32, dst *float32, ldc int)

// panelF16NEONx1 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 1 and j < 32, p in order.
//
//go:noescape
func panelF16NEONx1(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)

// panelF16NEONx2 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 2 and j < 32, p in order.
//
//go:noescape
func panelF16NEONx2(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)

// panelF16NEONx4 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 4 and j < 32, p in order.
//
//go:noescape
func panelF16NEONx4(k int, a *float32, lda int, b *uint16, dst *float32, ldc int)

// panelInt8NEONx1 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 1 and j < 32, p in order.
//
//go:noescape
func panelInt8NEONx1(k int, a *float32, lda int, b *int8, dst *float32, ldc int)

// panelInt8NEONx2 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 2 and j < 32, p in order.
//
//go:noescape
func panelInt8NEONx2(k int, a *float32, lda int, b *int8, dst *float32, ldc int)

// panelInt8NEONx4 writes dst[r*ldc+j] = sum over p < k of a[r*lda+p]*b[p*32+j] for r < 4 and j < 32, p in order.
//
//go:noescape
func panelInt8NEONx4(k int, a *float32, lda int, b *int8, dst *float32, ldc int)
