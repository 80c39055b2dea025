package hub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"trit/internal/atomicfile"
)

// partial is a file that is fetched in ranges: a temporary file with holes, and a journal of
// the ranges that are whole. A line of the journal has the CRC of its range, so a range counts
// only if its bytes have reached the disk.
type partial struct {
	f       file
	unit    int64 // bytes of a range
	data    *os.File
	journal *os.File
	mu      sync.Mutex
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// lineSize is the largest size of a line of the journal, a number and a CRC, in bytes.
const lineSize = 32

func partName(work string) string    { return work + "-part" }
func journalName(work string) string { return work + "-journal" }

// ranges returns the number of ranges.
func (p *partial) ranges() int64 { return (p.f.size + p.unit - 1) / p.unit }

// span returns the positions at which a range begins and ends.
func (p *partial) span(i int64) (from, to int64) {
	return i * p.unit, min((i+1)*p.unit, p.f.size)
}

// head returns the first line of the journal. A journal with another one is ignored.
func (p *partial) head() string {
	return fmt.Sprintf("trit download 1 %s %d %d\n", p.f.hash, p.f.size, p.unit)
}

// openPartial opens the files that an earlier call may have left, or new ones. It returns the
// CRCs of the ranges that are whole, by their numbers.
func openPartial(ctx context.Context, work string, f file, unit int64) (*partial, map[int64]uint32, error) {
	p := &partial{f: f, unit: unit}
	var err error
	if p.data, err = os.OpenFile(partName(work), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, nil, err
	}
	done, err := p.resume(ctx, journalName(work))
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return p, done, nil
}

func (p *partial) resume(ctx context.Context, name string) (map[int64]uint32, error) {
	done, err := p.read(name)
	if err != nil {
		return nil, err
	}
	if err := p.check(ctx, done); err != nil {
		return nil, err
	}
	if err := p.data.Truncate(p.f.size); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteBytes(name, p.text(done)); err != nil {
		return nil, err
	}
	p.journal, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	return done, err
}

func (p *partial) read(name string) (map[int64]uint32, error) {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return map[int64]uint32{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return p.parse(f), nil
}

// parse reads a journal. It skips lines that are incomplete, damaged, or name no range of the
// file.
func (p *partial) parse(r io.Reader) map[int64]uint32 {
	done := map[int64]uint32{}
	in := bufio.NewReader(io.LimitReader(r, int64(len(p.head()))+p.ranges()*lineSize))
	if head, err := in.ReadString('\n'); err != nil || head != p.head() {
		return done
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return done
		}
		var i int64
		var sum uint32
		if n, err := fmt.Sscanf(line, "%d %08x\n", &i, &sum); err == nil && n == 2 && i >= 0 && i < p.ranges() &&
			line == entry(i, sum) {
			done[i] = sum
		}
	}
}

func entry(i int64, sum uint32) string { return fmt.Sprintf("%d %08x\n", i, sum) }

func (p *partial) text(done map[int64]uint32) []byte {
	b := bytes.NewBufferString(p.head())
	for i, sum := range done {
		b.WriteString(entry(i, sum))
	}
	return b.Bytes()
}

// check drops the ranges whose bytes do not have the CRC of the journal.
func (p *partial) check(ctx context.Context, done map[int64]uint32) error {
	for i, want := range done {
		from, to := p.span(i)
		sum := crc32.New(castagnoli)
		n, err := io.Copy(sum, contextReader{ctx, io.NewSectionReader(p.data, from, to-from), func(int) {}})
		if err != nil {
			return err
		}
		if n != to-from || sum.Sum32() != want {
			delete(done, i)
		}
	}
	return nil
}

// add writes a line for a range that is whole.
func (p *partial) add(i int64, sum uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.journal.WriteString(entry(i, sum))
	return err
}

// close closes both files. It need not sync them: the CRCs show which bytes reached the disk.
func (p *partial) close() error {
	err := p.data.Close()
	if p.journal != nil {
		err = errors.Join(err, p.journal.Close())
	}
	return err
}
