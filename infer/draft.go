package infer

import "slices"

// drafter guesses how a text goes on by looking up where its last tokens stood before
// (prompt lookup), and rests where its guesses fail, since a pass over a draft costs
// several tokens' time.
type drafter struct {
	size  int // of the next draft
	wait  int // tokens until the next draft
	pause int // the next wait
}

const (
	lookupTokens = 3 // that must agree before a draft
	minDraft     = 7 // with the token before it, a tile of the product
	maxDraft     = 47
	minPause     = 16
	maxPause     = 1024
)

func newDrafter() *drafter { return &drafter{size: minDraft, pause: minPause} }

// propose returns what followed the latest earlier place where tokens ended as now, at
// most limit tokens.
func (d *drafter) propose(tokens []int32, limit int) []int32 {
	if d.wait > 0 {
		d.wait--
		return nil
	}
	n := len(tokens)
	if n <= lookupTokens || limit < 1 {
		return nil
	}
	last := tokens[n-lookupTokens:]
	for end := n - 1; end >= lookupTokens; end-- {
		if slices.Equal(tokens[end-lookupTokens:end], last) {
			return tokens[end:min(n, end+min(d.size, limit))]
		}
	}
	return nil
}

// learn adapts to how many tokens of a draft were right.
func (d *drafter) learn(proposed, right int) {
	switch {
	case proposed == 0:
	case right == proposed:
		d.size, d.pause = min(2*d.size+1, maxDraft), minPause
	case 2*right >= minDraft:
		d.size, d.pause = minDraft, minPause
	default:
		d.size, d.wait, d.pause = minDraft, d.pause, min(2*d.pause, maxPause)
	}
}
