// Package lookup guesses the next tokens of a sequence by prompt lookup.
package lookup

import "slices"

// Drafter guesses the next tokens of a sequence by prompt lookup: it finds the last tokens
// earlier in the sequence and proposes the tokens that followed them there. It pauses after a
// failed draft, since a pass over a draft takes the time of several tokens.
type Drafter struct {
	size  int // tokens of the next draft
	wait  int // passes until the next draft
	pause int // value of wait after the next failed draft
}

const (
	lookupTokens = 3 // number of last tokens that must be found earlier
	minDraft     = 7 // with the token before the draft, a tile of the product
	maxDraft     = 47
	minPause     = 16
	maxPause     = 1024
)

// New makes a drafter.
func New() *Drafter { return &Drafter{size: minDraft, pause: minPause} }

// Propose returns a draft of at most limit tokens: those that followed the latest earlier
// occurrence of the last tokens. It returns nil for no draft.
func (d *Drafter) Propose(tokens []int32, limit int) []int32 {
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

// Learn adapts the size and the pause after a draft. proposed is the number of its tokens, right
// the number of tokens that the model chose too.
func (d *Drafter) Learn(proposed, right int) {
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
