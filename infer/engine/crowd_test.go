package engine

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestClientsTogether answers clients that come at once, each with a prompt of 64 to 1024 tokens
// and 128 new ones, on a machine that is made up after the 2B-4T shape on two threads. It takes
// hardly longer than to read all prompts and then to write all answers together. If prompts got
// as much of a pass however many wait, few answers would share each pass: with crowd at 1, 32
// clients take 1.4 times as long.
func TestClientsTogether(t *testing.T) {
	for _, clients := range []int{8, 32} {
		r := rand.New(rand.NewPCG(1, uint64(clients)))
		c := crowdOf{p: &pace{layers: 30, position: 0.0003, read: 0.0006, decode: map[int]mean{}}}
		prompts := 0
		for range clients {
			n := 64 + r.IntN(961)
			prompts += n
			c.unread = append(c.unread, n)
		}
		took := c.run(128)
		limit := c.layers(float64(prompts)*1.1, 30) + 128*c.write(clients)
		if limit.Seconds() < 0.9*took.Seconds() {
			t.Errorf("%d clients take %v, want at most %v", clients, took, limit*10/9)
		}
	}
}

// crowdOf is a machine that answers clients. The prompts are read in turns, one piece at a time.
type crowdOf struct {
	p       *pace
	unread  []int // of each prompt
	writing []int // tokens of each answer
}

// write is the time of a pass without prompts.
func (c *crowdOf) write(answers int) time.Duration {
	return time.Duration(max(26, 20+5*answers)) * time.Millisecond
}

// layers is the time of some work in a number of layers.
func (c *crowdOf) layers(work float64, n int) time.Duration {
	return time.Duration(work * float64(n) / 30 * float64(4500*time.Microsecond))
}

func (c *crowdOf) run(tokens int) (took time.Duration) {
	var piece, left int
	var work float64
	for len(c.unread)+len(c.writing) > 0 {
		answers, through := len(c.writing), 0
		if left == 0 && len(c.unread) > 0 {
			piece = min(c.unread[0], c.p.piece(answers, len(c.unread), 0))
			work, left = c.p.work(piece, 300), c.p.layers
		}
		if left > 0 && !c.p.measures(answers) {
			through = min(left, c.p.through(answers, len(c.unread), work))
		}
		spent := c.layers(work, through)
		if answers > 0 {
			spent += c.write(answers)
		}
		c.p.learn(answers, work*float64(through), spent)
		took += spent
		for i := range c.writing {
			c.writing[i]++
		}
		for len(c.writing) > 0 && c.writing[0] == tokens {
			c.writing = c.writing[1:]
		}
		if left -= through; through > 0 && left == 0 {
			c.unread = append(c.unread[1:], c.unread[0]-piece)
			if last := len(c.unread) - 1; c.unread[last] == 0 {
				c.unread, c.writing = c.unread[:last], append(c.writing, 1)
			}
		}
	}
	return took
}
