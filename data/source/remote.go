package source

import (
	"bufio"
	"io"
)

// Remote is a file that lies on another machine. ReadAt is asked for large parts, and tries again by
// itself what fails for a moment.
type Remote interface {
	io.ReaderAt
	Size() int64
}

const (
	// remoteBuffer is how many bytes of a remote file are fetched at a time where it is read in order.
	remoteBuffer = 8 << 20
	// maxSegment bounds the part of a column that is held in memory while it is read.
	maxSegment = 512 << 20
)

// openRemote opens a remote file. buffer is how many bytes are fetched at a time.
func openRemote(path string, r Remote, buffer int, o Options) (*stream, error) {
	raw := bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), buffer)
	s, err := newStream(path, io.NopCloser(raw), &wholeFile{r, r.Size()}, o)
	if err == nil {
		s.remote = true
	}
	return s, err
}

// wholeFile is a file that can be read at any place.
type wholeFile struct {
	io.ReaderAt
	size int64
}

// segments reads a remote file, of which it holds the columns' parts of a row group in memory, so that
// each comes with one request though it is read twice: to be checked, and for its values.
type segments struct {
	remote io.ReaderAt
	held   map[int]segment // by number of the column
}

type segment struct {
	at    int64
	bytes []byte
}

// hold fetches the part of a column.
func (s *segments) hold(column int, at, size int64) error {
	delete(s.held, column)
	if size < 0 || size > maxSegment {
		return nil // it is read piece by piece
	}
	b := make([]byte, size)
	if n, err := s.remote.ReadAt(b, at); n < len(b) && err != nil {
		return err
	}
	s.held[column] = segment{at, b}
	return nil
}

// ReadAt reads what is held from memory.
func (s *segments) ReadAt(p []byte, off int64) (int, error) {
	for _, h := range s.held {
		if from := off - h.at; from >= 0 && from+int64(len(p)) <= int64(len(h.bytes)) {
			return copy(p, h.bytes[from:]), nil
		}
	}
	return s.remote.ReadAt(p, off)
}
