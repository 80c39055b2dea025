package ranks

import (
	"fmt"
	"sync"
)

// Group makes a job of n ranks that are goroutines of this process, for tests. If a rank leaves
// while others wait for it, their operations fail, as after the death of a process.
func Group(n int) []Comm {
	g := &group{slots: make([][]byte, n)}
	g.all.L = &g.mu
	members := make([]Comm, n)
	for r := range members {
		members[r] = member{g, r}
	}
	return members
}

// group is where the ranks meet.
type group struct {
	slots [][]byte // by rank, the bytes that it shows the others
	mu    sync.Mutex
	all   sync.Cond
	here  int // number of ranks that wait for the others
	round int
	lost  error // the reason why the job is lost; nil while it is not
}

type member struct {
	*group
	rank int
}

func (m member) Rank() int { return m.rank }
func (m member) Size() int { return len(m.slots) }

func (m member) AllToAll(dst, src []byte) error {
	part := len(src) / m.Size()
	if err := checkLengths(m, len(dst), part); err != nil {
		return err
	}
	return m.show(src, func(r int, theirs []byte) {
		copy(dst[r*part:][:part], theirs[m.rank*part:])
	})
}

func (m member) AllGather(dst, own []byte) error {
	if err := checkLengths(m, len(dst), len(own)); err != nil {
		return err
	}
	return m.show(own, func(r int, theirs []byte) { copy(dst[r*len(own):], theirs) })
}

func (m member) Broadcast(x []byte) error {
	return m.show(x, func(r int, theirs []byte) {
		if r == 0 && m.rank != 0 {
			copy(x, theirs)
		}
	})
}

// show lets the others read own, and read what they show.
func (m member) show(own []byte, read func(rank int, theirs []byte)) error {
	m.slots[m.rank] = own
	if err := m.meet(); err != nil {
		return err
	}
	for r, theirs := range m.slots {
		if len(theirs) != len(own) {
			m.Abort(fmt.Sprintf("rank %d shows %d bytes where this one shows %d", r, len(theirs), len(own)))
			break
		}
		read(r, theirs)
	}
	return m.meet()
}

// meet waits until all ranks have come.
func (g *group) meet() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.here++; g.lost == nil && g.here == len(g.slots) {
		g.here = 0
		g.round++
		g.all.Broadcast()
		return nil
	}
	for round := g.round; g.round == round; g.all.Wait() {
		if g.lost != nil {
			return g.lost
		}
	}
	return nil
}

func (g *group) lose(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost == nil {
		g.lost = err
		g.all.Broadcast()
	}
}

func (m member) Abort(message string) { m.lose(&AbortError{m.rank, message}) }

func (m member) Close() error {
	m.lose(&AbortError{m.rank, "it has left the job"})
	return nil
}
