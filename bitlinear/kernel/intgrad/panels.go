package intgrad

import "trit/bitlinear/kernel/memory"

// chunk is the number of steps of two blocks that stay in the first-level cache while all panels of an area are
// multiplied by them.
const chunk = 8

// panels are rows of a left operand in the order in which tiles read them, [chunks][panels][steps of the
// chunk][32][64].
type panels struct {
	data         []int8
	count, steps int
}

// reset makes room for rows, and makes those zero that fill the last panel.
func (p *panels) reset(rows, steps int) {
	p.count, p.steps = ceil(rows, tileRows), steps
	size := p.count * steps * panelStep
	if cap(p.data) < size {
		p.data = memory.Make[int8](size)
	}
	p.data = p.data[:size]
	for i := rows; i < p.count*tileRows; i++ {
		for s := range steps {
			clear(p.data[p.at(i, s):][:stepCols])
		}
	}
}

// at is the first value of row i in a step.
func (p *panels) at(i, step int) int {
	first := step / chunk * chunk
	n := min(chunk, p.steps-first)
	return (first*p.count+i/tileRows*n+step-first)*panelStep + i%tileRows*stepCols
}
