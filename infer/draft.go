package infer

import "slices"

// drafter guesses the next tokens of a text: those that followed its last tokens where they
// stood earlier in the text (prompt lookup). It pauses where its guesses fail, since a pass
// over a draft takes the time of several tokens.
type drafter struct {
	size  int // tokens of the next draft
	wait  int // tokens until the next draft
	pause int // the next wait
}

const (
	lookupTokens = 3 // number of tokens that must agree before a draft
	minDraft     = 7 // a tile of the product, with the token before the draft
	maxDraft     = 47
	minPause     = 16
	maxPause     = 1024
)

func newDrafter() *drafter { return &drafter{size: minDraft, pause: minPause} }

// propose returns the tokens after the latest earlier position where the last tokens stood,
// at most limit of them; nil for no draft.
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

// learn adapts the size and the pause to the number of right tokens of a draft.
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
