package engine

import (
	"time"

	"trit/infer"
)

// pace decides how much of prompts goes through the layers beside the next tokens of others, so
// that nobody's stream stalls: a prompt that is read makes such a pass stretch times as long as
// one without. Where several wait, each further one adds crowdGrowth times as much, up to crowd times: more
// work for prompts then means that more answers share a pass.
//
// What a piece of n tokens at a position costs in a layer is n times a constant, and n times the
// position for the products of attention, and the position once for reading the cache; the weights
// are read for the answers anyway. All sizes are known, and so is about how the speeds of products
// and of memory compare, so one rate is learned from the time of passes.
type pace struct {
	layers   int
	position float64      // work of a position that a token sees; all else of a token in a layer is 1
	read     float64      // work of reading a position
	rate     mean         // seconds of a token's work in a layer
	decode   map[int]mean // seconds of a pass without prompts, by the number of answers
	mixed    int          // passes with prompts since the last one without
}

// mean is an average of what was measured lately. What a busy machine adds to a time is not part
// of the work, so a mean rises more slowly than it falls.
type mean struct {
	value float64
	n     int // of values
}

const (
	stretch     = 1.6
	crowdGrowth = 3
	crowd       = 12

	outlier = 2.0 // a value that is more than this times a mean counts as this
	falls   = 0.2 // weight of a value below the mean
	rises   = 0.1 // weight of one above it
	// A number of answers is measured firstMeasures times without prompts, and once after remeasure
	// passes with prompts.
	firstMeasures = 3
	remeasure     = 32

	// usualPiece is a piece whose tokens share each weight, key and value that is read; and a new
	// prompt does not wait long until it is through. sharedPiece is that of several prompts, which get more
	// of each pass; its products are a fifth faster. leastPiece is the shortest one.
	usualPiece  = 64
	sharedPiece = 128
	leastPiece  = 8
	// floatCost and byteCost are the times of a float32 product and of a byte from memory over that
	// of an int8 product.
	floatCost = 4
	byteCost  = 14

	// soloAnswers is the most answers at a time whose drafts are worth their work.
	soloAnswers = 4
	draftTokens = 48
)

func newPace(m *infer.Model) pace {
	c := m.Config()
	d, q := c.HiddenSize, c.QDim()
	products := float64(d*(q+2*c.KVDim()) + q*d + 3*d*c.IntermediateSize)
	return pace{
		layers: c.NumHiddenLayers, decode: map[int]mean{},
		position: floatCost * 2 * float64(q) / products,
		read:     byteCost * float64(m.Memory().CacheBytesPerToken/c.NumHiddenLayers) / products,
	}
}

// work is that of n tokens from a position on in a layer.
func (p *pace) work(n, position int) float64 {
	return float64(n)*(1+p.position*(float64(position)+float64(n)/2)) + p.read*float64(position)
}

// budget is the work beside a number of answers, while some prompts are being read.
func (p *pace) budget(answers, prompts int) float64 {
	if p.rate.n == 0 {
		return leastPiece
	}
	return (stretch - 1) * float64(min(1+crowdGrowth*max(prompts-1, 0), crowd)) * p.usual(answers) / p.rate.value
}

// usual is the seconds of a pass without prompts, of as many answers or, if that is not known, of
// fewer.
func (p *pace) usual(answers int) float64 {
	for n := answers; n > 0; n-- {
		if d := p.decode[n]; d.n > 0 {
			return d.value
		}
	}
	return 0
}

// measures reports whether the next pass goes without prompts, so that its time is known.
func (p *pace) measures(answers int) bool {
	return answers > 0 && (p.decode[answers].n < firstMeasures || p.mixed >= remeasure)
}

// piece is the number of tokens to read from a position on, beside a number of answers.
func (p *pace) piece(answers, prompts, position int) int {
	budget, n := p.budget(answers, prompts), usualPiece
	if prompts > 1 {
		n = sharedPiece
	}
	for answers > 0 && n > leastPiece && p.work(n, position) > budget { // in one layer
		n -= leastPiece
	}
	return max(n, p.whole(answers, prompts, position))
}

// whole is the number of tokens to read from a position on, in all layers at once.
func (p *pace) whole(answers, prompts, position int) int {
	if answers == 0 {
		return infer.MaxPass
	}
	budget, n := p.budget(answers, prompts)/float64(p.layers), leastPiece
	for p.work(n+leastPiece, position) <= budget && n+leastPiece <= infer.MaxPass-answers*draftLimit(answers) {
		n += leastPiece
	}
	return n
}

// through is the number of layers that a piece goes through beside a number of answers, given its
// work in each.
func (p *pace) through(answers, prompts int, work float64) int {
	if answers == 0 {
		return p.layers
	}
	return min(max(1, int(p.budget(answers, prompts)/work)), p.layers)
}

// draftLimit is the most tokens of each of a number of answers in a pass.
func draftLimit(answers int) int {
	if answers > soloAnswers {
		return 1
	}
	return draftTokens
}

// learn takes the time of a pass into account, in which prompts had some work in all layers.
func (p *pace) learn(answers int, work float64, took time.Duration) {
	t := took.Seconds()
	switch {
	case work > 0:
		p.mixed++
		if t -= p.usual(answers); t > 0 {
			p.rate.add(t / work)
		}
	case answers > 0:
		p.mixed = 0
		d := p.decode[answers]
		d.add(t)
		p.decode[answers] = d
	}
}

func (m *mean) add(x float64) {
	m.n++
	switch {
	case m.n == 1:
		m.value = x
	case x < m.value:
		m.value += falls * (x - m.value)
	default:
		m.value += rises * (min(x, outlier*m.value) - m.value)
	}
}
