package infer

// Memory is the memory of a model, in bytes.
type Memory struct {
	Format             string `json:"format"`                // layout of ternary weights; "float" if there are none
	Weights            int    `json:"weights"`               // projections of all layers
	Head               int    `json:"head"`                  // head and embedding
	HeadRead           int    `json:"head_read"`             // read for the logits of one token
	CacheBytesPerToken int    `json:"cache_bytes_per_token"` // KV cache of all layers
}

// sized is a weight that reports its size in bytes.
type sized interface{ bytesInMemory() int }

func (t *ternaryMatrix) bytesInMemory() int { return t.w.Bytes() }
func (t *int8Matrix) bytesInMemory() int    { return t.w.Bytes() }
func (d *denseMatrix) bytesInMemory() int   { return len(d.data) }

// bytesInMemory is the size of the 4-bit copy, which is read for every token. The exact weights
// do not count.
func (h *boundedHead) bytesInMemory() int { return h.coarse.Bytes() + 4*h.n }

// Memory is the memory of the model, without sessions.
func (m *Model) Memory() Memory {
	u := Memory{
		Format: "float", Head: len(m.embedding.data),
		CacheBytesPerToken: m.cache.bytesPerToken(&m.config) * len(m.layers),
	}
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
