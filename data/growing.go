package data

import (
	"bufio"
	"io"
	"os"
)

// growing is a file that is only added to. A journal names its size: what came later is cut off.
type growing struct {
	path string
	file *os.File
	out  *bufio.Writer
	size int64
}

// openGrowing opens a file of which the first size bytes count, or makes it.
func openGrowing(path string, size int64) (*growing, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	g := &growing{path, file, bufio.NewWriterSize(file, 1<<16), size}
	if err := g.cut(); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *growing) cut() error {
	info, err := g.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < g.size {
		return journalError(g.path, "size", "%d bytes: the journal states %d", info.Size(), g.size)
	}
	return g.file.Truncate(g.size)
}

// reader reads what counts.
func (g *growing) reader() *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(g.file, 0, g.size), 1<<20)
}

func (g *growing) add(b []byte) error {
	g.size += int64(len(b))
	_, err := g.out.Write(b)
	return err
}

// sync puts all that was added on the disk.
func (g *growing) sync() error {
	if err := g.out.Flush(); err != nil {
		return err
	}
	return g.file.Sync()
}

// close leaves what was not synced out; nil is closed.
func (g *growing) close() {
	if g != nil {
		g.file.Close()
	}
}
