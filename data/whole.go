package data

import (
	"fmt"
	"sort"
)

// window is how many conversations are packed together.
const window = 1024

// whole is what a Loader needs to pack conversations that are not divided.
type whole struct {
	pairs   bool
	length  int     // of a row
	units   int     // conversations, or pairs
	dropped []int   // those of them that have nothing to learn in a row's length, in ascending order
	cut     int     // those of the others that are cut
	rows    [][]int // the documents of each row of the window where the loader is
}

func newWhole(dir string, m *Manifest, c *corpus, o LoaderOptions) (*whole, error) {
	w := &whole{pairs: m.Kind == Preferences, length: o.SequenceLength}
	if w.pairs && o.BatchSize%2 != 0 {
		return nil, fmt.Errorf("batch_size is %d, and %s holds pairs, of two rows each: set an even one", o.BatchSize, dir)
	}
	w.units = c.documents / w.unit()
	for u := range w.units {
		fits, long := true, false
		for i := u * w.unit(); i < (u+1)*w.unit(); i++ {
			q := c.sequence(i)
			if q.len() > w.length {
				long = true
				fits = fits && m.TooLong == Cut && q.learned(w.length) > 0
			}
		}
		switch {
		case !fits:
			w.dropped = append(w.dropped, u)
		case long:
			w.cut++
		}
	}
	if len(w.dropped) == w.units {
		return nil, fmt.Errorf("%s: none of the %d in the %s split has something to learn in %d tokens: "+
			"raise sequence_length", dir, w.units, o.Split, w.length)
	}
	return w, nil
}

// unit is the number of documents that belong together.
func (w *whole) unit() int {
	if w.pairs {
		return 2
	}
	return 1
}

// Long says what became of conversations, or pairs, that are longer than a row: how many were cut, and
// how many left out. All others are returned whole.
func (l *Loader) Long() (cut, dropped int) {
	if l.whole == nil {
		return 0, 0
	}
	return l.whole.cut, len(l.whole.dropped)
}

// LongNote tells Long in words, "" if none was too long.
func (l *Loader) LongNote() string {
	cut, dropped := l.Long()
	if cut+dropped == 0 {
		return ""
	}
	what := "conversations"
	if l.whole.pairs {
		what = "pairs"
	}
	return fmt.Sprintf("of %d %s in the %s split, %d are cut to %d tokens and %d left out, since they are longer",
		l.whole.units, what, l.options.Split, cut, l.whole.length, dropped)
}

// unitAt is the conversation or pair at a place in the order of the epoch.
func (l *Loader) unitAt(place int) int {
	if l.order != nil {
		place = l.order.at(place)
	}
	return l.whole.kept(place)
}

// kept is the number of the conversation or pair that is the i-th of those that were not dropped.
func (w *whole) kept(i int) int {
	return i + sort.Search(len(w.dropped), func(k int) bool { return w.dropped[k]-k > i })
}

// plan packs the conversations of the window that begins at the loader's place: each into the first row
// that has space for it.
func (l *Loader) plan() {
	if l.whole == nil {
		return
	}
	w := l.whole
	w.rows = nil
	var free []int
	for place := l.next; place < min(l.next+window, l.units()); place++ {
		u := l.unitAt(place)
		if w.pairs {
			w.rows = append(w.rows, []int{2 * u}, []int{2*u + 1})
			continue
		}
		n, row := min(l.corpus.sequence(u).len(), w.length), 0
		for row < len(free) && free[row] < n {
			row++
		}
		if row == len(free) {
			free, w.rows = append(free, w.length), append(w.rows, nil)
		}
		free[row] -= n
		w.rows[row] = append(w.rows[row], u)
	}
}

// takeRow returns the documents of the next row and goes past it.
func (l *Loader) takeRow() []int {
	row := l.whole.rows[l.offset]
	if l.offset++; l.offset == len(l.whole.rows) {
		l.next, l.offset = min(l.next+window, l.units()), 0
		if l.ended() && l.options.Split == Train {
			l.begin(l.epoch + 1)
		} else {
			l.plan()
		}
	}
	return row
}

// fillWhole is fill of conversations.
func (l *Loader) fillWhole(tokens, targets, starts []int32) (bytes float64) {
	pos := 0
	if !l.ended() {
		for _, i := range l.takeRow() {
			q := l.corpus.sequence(i)
			n, first, scored := min(q.len(), len(tokens)-pos), pos, 0
			for k := range n {
				tokens[pos], targets[pos], starts[pos] = q.token(k), -1, int32(first)
				if k+1 < n && q.learn(k+1) {
					targets[pos] = q.token(k + 1)
					scored++
				}
				pos++
			}
			bytes += float64(q.bytes) * float64(scored) / float64(max(q.learned(q.len()), 1))
		}
	}
	pad(tokens, targets, starts, pos)
	return bytes
}

// learn reports whether token k of a conversation is learned.
func (q sequence) learn(k int) bool { return q.shard.learned(q.lo + k) }

// learned counts the targets among the first tokens of a conversation.
func (q sequence) learned(tokens int) (n int) {
	for k := 1; k < min(tokens, q.len()); k++ {
		if q.learn(k) {
			n++
		}
	}
	return n
}
