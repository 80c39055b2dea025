package infer

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"trit/bitlinear/kernel/attention"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/model"
	"trit/setting"
)

// Cache is the number format of the KV cache.
type Cache string

// Formats of the KV cache.
const (
	// CacheF16 rounds keys and values to half precision.
	CacheF16 Cache = "f16"
	// CacheInt8 rounds them to int8, with a scale for each token and KV head: half the
	// bytes of CacheF16.
	CacheInt8 Cache = "int8"
	// CacheF32 keeps them as they are.
	CacheF32 Cache = "f32"
)

// blockPositions is the number of positions of a sequence that lie together in memory, a
// block. A block is allocated when its first position is written. Attention goes through
// positions by the same blocks, so that its bits do not depend on the number of threads.
const blockPositions = 256

// kvCache is the keys and values of one layer of a session.
type kvCache interface {
	// reserve allocates memory for the first n positions, and makes those from at on ready to
	// be written: a shared block among them is copied.
	reserve(at, n int)
	// write puts the key and the value of a KV head at a position, which is reserved.
	write(head, at int, key, value []float32)
	// copyPrefix copies the first n positions of another cache of the same model.
	copyPrefix(from kvCache, n int)
	// each calls yield with each block and its number of positions, until it returns false.
	each(yield func(block any, positions int) bool)
	// memory is the bytes of block i: keys, values and their factors.
	memory(i int) [][]byte
	// share makes block i, the next one, that of another cache of the same model.
	share(from kvCache, i int)
	// scores writes to g.scores the products of g's rows with the keys of a block that they
	// see.
	scores(g *group, block int)
	// weightedSums writes to g.out the sums of the values of a block, weighted by g.scores.
	weightedSums(g *group, block int)
}

// cacheFormat makes caches of a number format.
type cacheFormat interface {
	kind() Cache
	newCaches(c *model.Config, layers, capacity int) []kvCache // of a session
	bytesPerToken(c *model.Config) int                         // in one layer
}

func cacheFormatOf(c Cache) (cacheFormat, error) {
	switch c {
	case "", CacheF16:
		return &f16Cache, nil
	case CacheInt8:
		return &int8Cache, nil
	case CacheF32:
		return &f32Cache, nil
	}
	return nil, setting.Invalid("infer.Options.Cache", c, CacheF16, CacheInt8, CacheF32)
}

// element is a number format: conversions from and to float32, and the product with panels.
type element[T attention.Element] struct {
	name   Cache
	narrow func(dst []T, x []float32) (factor float32) // values are factor times dst
	scaled bool                                        // reports whether factors can differ from 1
	widen  func(dst []float32, x []T)                  // nil: mul reads the type as fast as float32
	mul    func(rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int)
}

var (
	f16Cache = element[uint16]{
		name:   CacheF16,
		narrow: func(dst []uint16, x []float32) float32 { vector.NarrowF16(dst, x); return 1 },
		widen:  vector.WidenF16, mul: attention.MulPanelF16,
	}
	int8Cache = element[int8]{
		name:   CacheInt8,
		narrow: func(dst []int8, x []float32) float32 { return 1 / vector.QuantizeActivations(dst, x) },
		scaled: true, widen: vector.WidenInt8, mul: attention.MulPanelInt8,
	}
	f32Cache = element[float32]{
		name:   CacheF32,
		narrow: func(dst, x []float32) float32 { copy(dst, x); return 1 },
		mul:    attention.MulPanelF32,
	}
)

func (e *element[T]) kind() Cache { return e.name }

func (e *element[T]) bytesPerToken(c *model.Config) int {
	n := c.KVDim() + c.NumKeyValueHeads*padded(c.HeadDim)
	n *= int(unsafe.Sizeof(*new(T)))
	if e.scaled {
		n += 2 * 4 * c.NumKeyValueHeads
	}
	return n
}

func (e *element[T]) newCaches(c *model.Config, layers, capacity int) (list []kvCache) {
	shelf := &blockShelf[T]{layers: layers}
	for range layers {
		list = append(list, &cache[T]{
			element: e, heads: c.NumKeyValueHeads, dim: c.HeadDim, capacity: capacity, shelf: shelf,
		})
	}
	return list
}

// blockShelf has memory for the blocks of a session. Those of all layers with the same positions come one
// after the other and live equally long, so they lie in large pages together: a token reads all of them.
type blockShelf[T attention.Element] struct {
	layers int
	rest   []T
}

// take returns n zeros.
func (s *blockShelf[T]) take(n int) []T {
	if len(s.rest) < n {
		s.rest = memory.Make[T](s.layers * n)
	}
	piece := s.rest[:n:n]
	s.rest = s.rest[n:]
	return piece
}

// padded is n rounded up to a multiple of a panel's columns.
func padded(n int) int {
	return (n + attention.PanelCols - 1) / attention.PanelCols * attention.PanelCols
}

// cache holds keys and values in panels, the layout that their products read. A panel has 32
// columns (attention.PanelCols): a panel of keys is [dim][32 positions], a panel of values
// [positions][32 dims].
type cache[T attention.Element] struct {
	*element[T]
	heads, dim, capacity int
	blocks               []*cacheBlock[T]
	shelf                *blockShelf[T]
}

// cacheBlock holds a block of positions.
type cacheBlock[T attention.Element] struct {
	shared                   atomic.Bool // reports whether several caches hold it: none may write to it
	positions                int         // number of positions, whole panels
	keys, values             []T         // [heads][panels] each
	keyFactors, valueFactors []float32   // [heads][positions]; nil: all are 1
}

func (c *cache[T]) reserve(at, n int) {
	for i := len(c.blocks); i*blockPositions < n; i++ {
		c.blocks = append(c.blocks, c.newBlock(i))
	}
	for i := at / blockPositions; i*blockPositions < n; i++ {
		if b := c.blocks[i]; b.shared.Load() {
			c.blocks[i] = c.newBlock(i)
			c.copyBlock(c.blocks[i], b, min(blockPositions, max(0, at-i*blockPositions)))
		}
	}
}

// newBlock makes block i, with memory for as many of its positions as the capacity leaves.
func (c *cache[T]) newBlock(i int) *cacheBlock[T] {
	b := &cacheBlock[T]{positions: min(blockPositions, padded(c.capacity-i*blockPositions))}
	keys, values := c.heads*c.dim*b.positions, c.heads*padded(c.dim)*b.positions
	both := c.shelf.take(keys + values)
	b.keys, b.values = both[:keys:keys], both[keys:]
	if c.scaled {
		b.keyFactors, b.valueFactors = make([]float32, c.heads*b.positions), make([]float32, c.heads*b.positions)
	}
	return b
}

// keyPanel holds the positions from p on, p a multiple of 32.
func (c *cache[T]) keyPanel(b *cacheBlock[T], head, p int) []T {
	return b.keys[(head*b.positions+p)*c.dim:][:c.dim*attention.PanelCols]
}

// valuePanel holds the dimensions from d on, d a multiple of 32.
func (c *cache[T]) valuePanel(b *cacheBlock[T], head, d int) []T {
	return b.values[(head*padded(c.dim)+d)*b.positions:][:b.positions*attention.PanelCols]
}

func (c *cache[T]) write(head, at int, key, value []float32) {
	buffer := floats.Get().(*[]float32)
	defer floats.Put(buffer)
	*buffer = grow(*buffer, c.dim)
	// A T is no larger than a float32, so a row fits.
	row := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(*buffer))), c.dim)
	c.writeKey(row, head, at, key)
	c.writeValue(row, head, at, value)
}

func (c *cache[T]) writeKey(row []T, head, at int, key []float32) {
	b, p := c.blocks[at/blockPositions], at%blockPositions
	factor := c.narrow(row, key)
	panel := c.keyPanel(b, head, p/attention.PanelCols*attention.PanelCols)
	for i, v := range row {
		panel[i*attention.PanelCols+p%attention.PanelCols] = v
	}
	if c.scaled {
		b.keyFactors[head*b.positions+p] = factor
	}
}

func (c *cache[T]) writeValue(row []T, head, at int, value []float32) {
	b, p := c.blocks[at/blockPositions], at%blockPositions
	factor := c.narrow(row, value)
	for d := 0; d < c.dim; d += attention.PanelCols {
		copy(c.valuePanel(b, head, d)[p*attention.PanelCols:][:attention.PanelCols], row[d:])
	}
	if c.scaled {
		b.valueFactors[head*b.positions+p] = factor
	}
}

// copyPrefix shares the whole blocks of the prefix and copies the positions after them. A cache
// that later writes to a shared block makes a copy first (see reserve).
func (c *cache[T]) copyPrefix(from kvCache, n int) {
	source := from.(*cache[T])
	whole := min(n/blockPositions, c.capacity/blockPositions, source.capacity/blockPositions)
	c.blocks = slices.Replace(c.blocks, 0, min(whole, len(c.blocks)), source.blocks[:whole]...)
	for _, b := range c.blocks[:whole] {
		b.shared.Store(true)
	}
	c.reserve(whole*blockPositions, n)
	for i := whole; i*blockPositions < n; i++ {
		c.copyBlock(c.blocks[i], source.blocks[i], min(blockPositions, n-i*blockPositions))
	}
}

func (c *cache[T]) each(yield func(block any, positions int) bool) {
	for _, b := range c.blocks {
		if !yield(b, b.positions) {
			return
		}
	}
}

func (c *cache[T]) memory(i int) [][]byte {
	b := c.blocks[i]
	return [][]byte{asBytes(b.keys), asBytes(b.values), asBytes(b.keyFactors), asBytes(b.valueFactors)}
}

func (c *cache[T]) share(from kvCache, i int) {
	b := from.(*cache[T]).blocks[i]
	b.shared.Store(true)
	c.blocks = append(c.blocks[:i], b)
}

// copyBlock copies the first n positions of a block. The blocks may differ in size.
func (c *cache[T]) copyBlock(dst, src *cacheBlock[T], n int) {
	for head := range c.heads {
		for p := 0; p < n; p += attention.PanelCols {
			copy(c.keyPanel(dst, head, p), c.keyPanel(src, head, p))
		}
		for d := 0; d < c.dim; d += attention.PanelCols {
			copy(c.valuePanel(dst, head, d)[:n*attention.PanelCols], c.valuePanel(src, head, d))
		}
		if c.scaled {
			copy(dst.keyFactors[head*dst.positions:][:n], src.keyFactors[head*src.positions:])
			copy(dst.valueFactors[head*dst.positions:][:n], src.valueFactors[head*src.positions:])
		}
	}
}

// widenRows is the number of rows from which a panel is converted to float32 once, instead of
// in the product of every tile of eight rows.
const widenRows = 16

// operand is a panel of the cache as a factor of a product: as it is stored, and as float32 if
// many rows read it.
type operand[T attention.Element] struct {
	*element[T]
	narrow []T
	wide   []float32 // nil: not converted
}

// operand prepares a panel for the product with a number of rows. The buffer has its length.
func (c *cache[T]) operand(panel []T, rows int, buffer []float32) operand[T] {
	o := operand[T]{element: c.element, narrow: panel}
	if rows >= widenRows && c.widen != nil {
		o.wide = buffer[:len(panel)]
		c.widen(o.wide, panel)
	}
	return o
}

// times writes the products of rows of a with the panel; see attention.MulPanelF32.
func (o *operand[T]) times(rows, k int, a []float32, lda int, dst []float32, ldc int) {
	if o.wide != nil {
		attention.MulPanelF32(rows, k, a, lda, o.wide, dst, ldc)
	} else {
		o.mul(rows, k, a, lda, o.narrow, dst, ldc)
	}
}

func (c *cache[T]) scores(g *group, block int) {
	b, r := c.blocks[block], g.first
	for p := 0; p < g.count(g.rows-1); p += attention.PanelCols {
		for g.count(r) <= p {
			r++
		}
		o := c.operand(c.keyPanel(b, g.head, p), g.rows-r, g.panel)
		o.times(g.rows-r, c.dim, g.q[r*c.dim:], c.dim, g.scores[r*blockPositions+p:], blockPositions)
	}
	g.scaleScores(b.keyFactors, b.positions)
}

func (c *cache[T]) weightedSums(g *group, block int) {
	b, wide := c.blocks[block], padded(c.dim)
	g.scaleScores(b.valueFactors, b.positions)
	for d := 0; d < c.dim; d += attention.PanelCols {
		panel := c.valuePanel(b, g.head, d)[:g.count(g.rows-1)*attention.PanelCols]
		o := c.operand(panel, g.rows-g.first, g.panel)
		for r := g.first; r < g.rows; r += tileRows {
			n := min(tileRows, g.rows-r)
			o.times(n, g.count(r+n-1), g.scores[r*blockPositions:], blockPositions, g.out[r*wide+d:], wide)
		}
	}
}
