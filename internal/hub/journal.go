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

// partial is a file that comes in ranges: its bytes where they belong, with holes, and a
// journal that names the ranges that are whole. A line of the journal has the CRC of its
// range, so a range is believed only when its bytes have reached the disk.
type partial struct {
	f       file
	unit    int64 // bytes of a range
	data    *os.File
	journal *os.File
	mu      sync.Mutex
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// lineSize bounds a line of the journal: a number, a CRC.
const lineSize = 32

func partName(work string) string    { return work + "-part" }
func journalName(work string) string { return work + "-journal" }

// ranges is how many ranges the file has.
func (p *partial) ranges() int64 { return (p.f.size + p.unit - 1) / p.unit }

// span is where a range begins and ends.
func (p *partial) span(i int64) (from, to int64) {
	return i * p.unit, min((i+1)*p.unit, p.f.size)
}

// head is the first line of the journal: a journal with another one is of no use.
func (p *partial) head() string {
	return fmt.Sprintf("trit download 1 %s %d %d\n", p.f.hash, p.f.size, p.unit)
}

// openPartial goes on with what an earlier call has left and returns the ranges that are
// whole, by number.
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

// parse reads a journal: lines that are torn, damaged or of no range are passed over.
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

// check forgets the ranges whose bytes are not those of the journal.
func (p *partial) check(ctx context.Context, done map[int64]uint32) error {
	for i, want := range done {
		from, to := p.span(i)
		sum := crc32.New(castagnoli)
		n, err := io.Copy(sum, contextReader{ctx, io.NewSectionReader(p.data, from, to-from)})
		if err != nil {
			return err
		}
		if n != to-from || sum.Sum32() != want {
			delete(done, i)
		}
	}
	return nil
}

// add says that a range is whole.
func (p *partial) add(i int64, sum uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.journal.WriteString(entry(i, sum))
	return err
}

// close closes both files. Whether their bytes have reached the disk shows in the CRCs.
func (p *partial) close() error {
	err := p.data.Close()
	if p.journal != nil {
		err = errors.Join(err, p.journal.Close())
	}
	return err
}
