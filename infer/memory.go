package infer

// Memory is what a model takes, in bytes.
type Memory struct {
	Format             string `json:"format"`    // of ternary weights
	Weights            int    `json:"weights"`   // of all blocks
	Head               int    `json:"head"`      // with the embedding
	HeadRead           int    `json:"head_read"` // for a token: what the head reads of all rows
	CacheBytesPerToken int    `json:"cache_bytes_per_token"`
}

// sized is a weight that knows its bytes.
type sized interface{ bytesInMemory() int }

func (t *ternaryMatrix) bytesInMemory() int { return t.w.Bytes() }
func (t *int8Matrix) bytesInMemory() int    { return t.w.Bytes() }
func (d *denseMatrix) bytesInMemory() int   { return len(d.data) }

// bytesInMemory is what the bounded head reads of every row.
func (h *boundedHead) bytesInMemory() int { return h.coarse.Bytes() + 4*h.n }

// Memory is what the model takes.
func (m *Model) Memory() Memory {
	u := Memory{Format: "float", Head: len(m.embedding.data), CacheBytesPerToken: m.cache.bytesPerToken(&m.config) * len(m.layers)}
	for i := range m.layers {
		l := &m.layers[i]
		for _, w := range []matrix{l.q, l.k, l.v, l.o, l.gate, l.up, l.down} {
			u.Weights += w.(sized).bytesInMemory()
		}
		if t, ok := l.q.(*ternaryMatrix); ok {
			u.Format = t.w.Format().String()
		}
	}
	u.HeadRead = m.head.(sized).bytesInMemory()
	switch h := m.head.(type) {
	case *boundedHead:
		u.Head += u.HeadRead
		if h.denseMatrix != m.embedding {
			u.Head += len(h.data)
		}
	case *denseMatrix:
		if h != m.embedding {
			u.Head += len(h.data)
		}
	default:
		u.Head += u.HeadRead
	}
	return u
}
