package engine

import (
	"time"

	"trit/infer"
)

// pace decides how much of prompts goes through the layers beside the next tokens of others, so
// that nobody's stream stalls: such a pass takes at most stretch times as long as one without.
type pace struct {
	decode  float64 // seconds of a pass without prompts, lately
	perRead float64 // seconds that a token of a prompt adds to a pass, lately
}

const (
	stretch    = 2.2
	leastPiece = 8 // tokens
	pieceStep  = 8
	forget     = 0.2 // weight of the last pass in the averages
	// soloAnswers is the most answers at a time whose drafts are worth their work.
	soloAnswers = 4
	draftTokens = 48
)

// piece is the number of tokens of prompts to read beside a number of answers.
func (p *pace) piece(answers int) int {
	if answers == 0 {
		return infer.MaxPass
	}
	n := leastPiece
	if p.perRead > 0 && p.decode > 0 {
		n = int((stretch-1)*p.decode/p.perRead) / pieceStep * pieceStep
	}
	return min(max(n, leastPiece), infer.MaxPass-answers*draftLimit(answers))
}

// draftLimit is the most tokens of each of a number of answers in a pass.
func draftLimit(answers int) int {
	if answers > soloAnswers {
		return 1
	}
	return draftTokens
}

// learn takes the time of a pass into account.
func (p *pace) learn(answers, read int, took time.Duration) {
	t := took.Seconds()
	switch {
	case answers > 0 && read == 0:
		average(&p.decode, t)
	case answers == 0 && read >= leastPiece:
		average(&p.perRead, t/float64(read))
	case read >= leastPiece && p.decode > 0:
		average(&p.perRead, max(t-p.decode, 0)/float64(read))
	}
}

func average(v *float64, x float64) {
	if *v == 0 {
		*v = x
	}
	*v += forget * (x - *v)
}
