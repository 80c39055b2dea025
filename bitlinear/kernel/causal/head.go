// Package causal has the attention of training in bfloat16, a head at a time, forward and backward. As in
// FlashAttention (Dao et al., 2022), scores are in memory for some queries at a time, and the backward pass computes
// them again.
//
// Scores are transposed, S^T = K Q^T [keys,queries]: what belongs to a query lies in a lane of a register, no sum goes
// across lanes, and the weights P^T become operands of the next products where they are made. The words are those of
// the package gemm:
//
//   - tile: 32 queries, and the keys that any of them sees;
//   - panel: 32 rows of a left operand, [steps][32][32]; a line of it is 32 values of a row;
//   - block: 16 columns of a right operand, [steps][16][16][2]; a line of it is a pair of rows;
//   - group: tiles whose weights are kept, so that sums over queries stay in registers.
//
// The lines of two keys, with their words interleaved, are pairs of rows of queries. Registers interleave each 128 bits
// by themselves, so that column 16b+4l+i of a product by such pairs is query 8l+4b+i; see rows512.
package causal

import (
	"math"

	"trit/bitlinear/kernel/gemm"
)

const (
	tile     = 32 // queries, or keys, or values of a head
	tileSums = tile * tile
	// chunkPanels is the number of panels of keys whose scores and gradients stay in the first-level cache.
	chunkPanels = 2
	// keptPanels is the number of panels of weights that stay in the second-level cache; a group has at least
	// leastGroup tiles.
	keptPanels = 128
	leastGroup = 2
)

// Rows are the positions of a head: row t begins at X[t*LD].
type Rows struct {
	X  []float32
	LD int
}

func (r Rows) from(t int) Rows { return Rows{r.X[t*r.LD:], r.LD} }

// Has reports whether this machine runs this package: it has products in bfloat16, and AVX-512 for what lies between.
func Has() bool { return assembled && gemm.HasBF16() }

// Head is the scratch of a thread for one head after another. Has must be true.
type Head struct {
	length, dim   int
	panels, steps int     // of positions, and of the values of a head
	group         int     // tiles of a group
	scale, factor float32 // of scores, and the same for powers of 2

	keys   []byte // panels [panels][steps] of K
	values []byte // forward: panels [steps][panels] of V^T; backward: panels [panels][steps] of V
	query  []byte // blocks [2][steps] of a tile of Q^T
	pairs  []byte // blocks [2][panels] of a tile of P^T or dS^T
	spare  [gemm.PanelBytes]byte
	scores []float32 // sums [panels][32][32]
	out    []float32 // sums [32*steps][32]
	lanes  lanes

	keyRows              []byte    // panels [steps][panels] of K^T
	grad                 []byte    // blocks [2][steps] of a tile of dO^T
	queries, grads       []byte    // blocks [2*steps][group] of Q and dO
	weights, dScores     []byte    // panels [panels][group] of P^T and dS^T
	dWeights             []float32 // sums [chunkPanels][32][32]
	keySums, valueSums   []float32 // sums [steps][panels][32][32]
	keyFactor, valueUnit []float32 // [32*panels] factors of rows
	begun                bool      // the sums have those of a head
	list                 []gemm.Packed
}

// lanes have what belongs to the queries of a tile. Query i sees key j if 0 <= j-starts[i] <= spans[i]. The
// assembly knows the order of the fields.
type lanes struct {
	starts, spans [tile]int32
	top           [tile]float32 // the largest score, then the logarithm of the sum of exponentials over scale
	total         [tile]float32 // one over that sum; backward: the sum of out times its gradient
}

// New makes the scratch for heads of dim values over length positions, whose scores are multiplied by scale.
func New(length, dim int, scale float32, backward bool) *Head {
	h := &Head{length: length, dim: dim, panels: ceil(length), steps: ceil(dim), scale: scale, factor: scale * math.Log2E}
	operand := h.panels * h.steps * gemm.PanelBytes
	tileOperand := 2 * h.steps * gemm.BlockBytes
	h.keys, h.values, h.query = make([]byte, operand), make([]byte, operand), make([]byte, tileOperand)
	h.pairs = make([]byte, 2*h.panels*gemm.BlockBytes)
	h.scores, h.out = make([]float32, h.panels*tileSums), make([]float32, h.steps*tileSums)
	if backward {
		h.makeBackward(operand, tileOperand)
	}
	return h
}

func (h *Head) makeBackward(operand, tileOperand int) {
	h.group = groupTiles(h.panels)
	h.keyRows, h.grad = make([]byte, operand), make([]byte, tileOperand)
	h.queries, h.grads = make([]byte, h.group*tileOperand), make([]byte, h.group*tileOperand)
	kept := h.panels * h.group * gemm.PanelBytes
	h.weights, h.dScores = make([]byte, kept), make([]byte, kept)
	h.dWeights = make([]float32, chunkPanels*tileSums)
	h.keySums, h.valueSums = make([]float32, operand/2), make([]float32, operand/2)
	h.keyFactor, h.valueUnit = make([]float32, h.panels*tile), make([]float32, h.panels*tile)
	for i := range h.keyFactor {
		h.keyFactor[i], h.valueUnit[i] = h.scale, 1
	}
}

// Memory is the number of bytes of New.
func Memory(length, dim int, backward bool) int64 {
	panels, steps := ceil(length), ceil(dim)
	operand, tileOperand := panels*steps*gemm.PanelBytes, steps*gemm.PanelBytes
	total := 2*operand + 3*tileOperand + panels*(gemm.PanelBytes+4*tileSums)
	if backward {
		group := groupTiles(panels)
		total += 5*operand + (2*group+1)*tileOperand + 2*panels*group*gemm.PanelBytes + 4*chunkPanels*tileSums + 8*panels*tile
	}
	return int64(total)
}

// groupTiles is the number of tiles of a group.
func groupTiles(panels int) int { return min(panels, max(leastGroup, keptPanels/panels)) }

func ceil(n int) int { return (n + tile - 1) / tile }

// set prepares the lanes for the queries from t on, whose first keys are starts.
func (l *lanes) set(t int, starts []int32) {
	for i := range l.starts {
		l.starts[i], l.spans[i] = math.MaxInt32, 0 // sees nothing
		if i < len(starts) {
			l.starts[i], l.spans[i] = starts[i], int32(t+i)-starts[i]
		}
	}
}

// seen is the range of panels of keys that queries from t on see, whose first keys are starts.
func seen(t int, starts []int32) (first, end int) { return int(starts[0]) / tile, t/tile + 1 }
