package engine

import (
	"testing"
	"time"
)

// TestNoStreamStalls reads a prompt beside a stream on machines that are made up: what tokens,
// positions and reading cost there differs from what pace takes them for, and a tenth of the
// passes loses its core for a while. The others take less than 3 times the usual time; and prompts
// get the time that streams leave.
func TestNoStreamStalls(t *testing.T) {
	for name, cost := range map[string]struct{ token, position, read float64 }{
		"as it is taken for": {1, 0.001, 0.006},
		"slow attention":     {1, 0.003, 0.006},
		"slow memory":        {1, 0.001, 0.03},
		"fast memory":        {1, 0.001, 0},
		"only attention":     {0.1, 0.002, 0},
		"a larger model":     {30, 0.005, 0.01},
	} {
		p := pace{layers: 12, position: 0.001, read: 0.006, decode: map[int]mean{}}
		s := simulated{p: &p, pass: func(n, at, layers int) time.Duration {
			work := float64(n)*(cost.token+cost.position*float64(at)) + cost.read*float64(at)
			return time.Duration(float64(layers)*work) * 10 * time.Microsecond
		}}
		s.usual = max(time.Millisecond, s.pass(8, 4096, 1)) // the shortest piece is possible
		s.run(4096)
		if s.slowest >= 3*s.usual {
			t.Errorf("%s: a pass of %v, usually %v", name, s.slowest, s.usual)
		}
		if share := float64(s.took-time.Duration(s.passes)*s.usual) / float64(s.took); share < 0.3 {
			t.Errorf("%s: the prompt gets %.2f of the time", name, share)
		}
	}
}

// simulated is a machine that reads a prompt beside an answer.
type simulated struct {
	p             *pace
	usual         time.Duration
	pass          func(n, at, layers int) time.Duration
	took, slowest time.Duration
	passes        int
}

func (s *simulated) run(tokens int) {
	for at := 0; at < tokens; {
		n := min(s.p.piece(1, 1, at), tokens-at)
		work := s.p.work(n, at)
		for left := s.p.layers; left > 0; {
			layers := 0
			if !s.p.measures(1) {
				layers = min(left, s.p.through(1, 1, work))
			}
			t := s.usual + s.pass(n, at, layers)
			if s.passes++; s.passes%10 != 0 {
				s.slowest, s.took = max(s.slowest, t), s.took+t
			} else {
				s.took, t = s.took+s.usual, 5*t
			}
			s.p.learn(1, float64(layers)*work, t)
			left -= layers
		}
		at += n
	}
}
