package data

import (
	"encoding/binary"
	"io"
	"path/filepath"

	"trit/data/dedup"
)

// kept is a set of numbers: the texts of a first pass that were no duplicates.
type kept struct{ bits []byte }

func (k *kept) set(i int64, yes bool) {
	for int64(len(k.bits)) <= i/8 {
		k.bits = append(k.bits, 0)
	}
	if yes {
		k.bits[i/8] |= 1 << (i % 8)
	}
}

func (k *kept) has(i int64) bool { return i/8 < int64(len(k.bits)) && k.bits[i/8]>>(i%8)&1 == 1 }

// seenLog remembers texts, and writes down what it remembers: for each text that was looked up the
// number of its set, whether it was new, and the keys of one that was.
type seenLog struct {
	seen  *dedup.Seen
	width int
	log   *growing
}

// openSeen reads the first size bytes of a log, and goes on behind them.
func openSeen(dir string, o *PrepareOptions, sets []*set, size int64) (*seenLog, error) {
	width := o.Duplicates.Width()
	if width == 0 {
		return nil, nil
	}
	seen, err := dedup.NewSeen(o.Memory)
	if err != nil {
		return nil, err
	}
	log, err := openGrowing(filepath.Join(dir, seenName), size)
	if err != nil {
		return nil, err
	}
	l := &seenLog{seen: seen, width: width, log: log}
	if err := l.replay(sets); err != nil {
		log.close()
		return nil, err
	}
	return l, nil
}

// replay takes up what the log says.
func (l *seenLog) replay(sets []*set) error {
	in := l.log.reader()
	counts := make([]int64, len(sets))
	for at := int64(0); at < l.log.size; {
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || int(head[0]) >= len(sets) || head[1] > 1 {
			return journalError(l.log.path, "entries", "it is damaged at byte %d", at)
		}
		at += 2
		sets[head[0]].first.set(counts[head[0]], head[1] == 1)
		counts[head[0]]++
		if head[1] == 0 {
			continue
		}
		keys := make([]uint64, l.width)
		if err := binary.Read(in, binary.LittleEndian, keys); err != nil {
			return journalError(l.log.path, "entries", "it is damaged at byte %d", at)
		}
		at += int64(8 * l.width)
		l.seen.Add(keys)
	}
	return nil
}

// check looks a text of set number i up.
func (l *seenLog) check(i int, keys []uint64) (dedup.Verdict, error) {
	verdict := l.seen.Check(keys)
	b := []byte{byte(i), 0}
	if verdict == dedup.New {
		b[1] = 1
		for _, k := range keys {
			b = binary.LittleEndian.AppendUint64(b, k)
		}
	}
	return verdict, l.log.add(b)
}

// sync puts the log on the disk; without one it does nothing.
func (l *seenLog) sync() error {
	if l == nil {
		return nil
	}
	return l.log.sync()
}

// size is the log's.
func (l *seenLog) size() int64 {
	if l == nil {
		return 0
	}
	return l.log.size
}
