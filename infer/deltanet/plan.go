package deltanet

// segment is the next tokens of a sequence that lie in one block.
type segment struct {
	block  *block
	base   *state // before the block
	lo, hi int    // their rows of the block
	first  int    // the first of them, of all tokens
	next   *state // after the block; nil where the sequence ends in it
}

// reserve plans n tokens. Those of a draft may be cut back, so a block that they fill stays.
func (m *Memory) reserve(n int, draft bool) {
	m.plan, m.previous = m.plan[:0], nil
	s := segment{block: m.current, base: m.current.base, lo: m.current.rows}
	at := s.base.at
	for {
		s.hi = min(Block, s.lo+n-s.first)
		end, stays := s.first+s.hi-s.lo, draft && s.hi > s.lo
		if end == n {
			m.plan = append(m.plan, s)
			return
		}
		at += Block
		s.next = m.after(s.base, stays)
		if at%checkpointEvery == 0 {
			s.next.shared.Store(true) // before it is changed to the state of the block after it
		}
		m.plan = append(m.plan, s)
		s = segment{block: s.block, base: s.next, first: end}
		if stays {
			s.block = m.newBlock(s.base)
		}
	}
}

// after is memory for the state after a block: that of the state before it, unless this stays.
func (m *Memory) after(base *state, stays bool) *state {
	if !stays && base.s != nil && !base.shared.Load() {
		return base
	}
	next := m.newState()
	next.s = make([]float32, m.shape.ValueDim()*m.shape.HeadDim)
	return next
}

// commit ends what reserve began: inputs are those of the convolution for the new tokens.
func (m *Memory) commit(inputs []float32) {
	width, at := m.shape.ConvDim(), m.current.base.at
	for i, s := range m.plan {
		b, from := s.block, s.lo
		if s.next != nil && m.plan[i+1].block == b { // of the block no more than its end is needed
			from = max(s.lo, Block-(m.shape.Kernel-1))
		}
		copy(b.inputs[from*width:s.hi*width], inputs[(s.first+from-s.lo)*width:])
		b.base, b.rows, m.current = s.base, s.hi, b
		if s.next == nil {
			return
		}
		at += Block
		s.next.at = at
		copy(s.next.tail, b.inputs[len(b.inputs)-len(s.next.tail):])
		if at%checkpointEvery == 0 {
			m.keep(s.next, false)
		}
		if m.plan[i+1].block != b {
			m.previous = b
		}
	}
}

// input is the input of the convolution i positions before the first new token; those before the text
// are 0.
func (m *Memory) input(i int) []float32 {
	width, row := m.shape.ConvDim(), m.current.rows-i
	if row >= 0 {
		return m.current.inputs[row*width:][:width]
	}
	return m.current.base.tail[(m.shape.Kernel-1+row)*width:][:width]
}
