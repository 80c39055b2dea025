package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// lookBytes is how many bytes tell what a file is.
	lookBytes = 4096
	// bufferBytes is how many bytes are read at a time.
	bufferBytes = 64 << 10
	// maxWindow bounds the memory of a zstd decoder: it is the largest that zstd unpacks by default.
	maxWindow = 128 << 20
)

// stream is an open file or stream, unpacked, that was found to be of a kind that is read.
type stream struct {
	path   string
	kind   kind
	in     *bufio.Reader
	file   *wholeFile // the file itself, if it is a regular one that is not compressed; else nil
	remote bool
	spool  string // folder for copies
	closes []func()
}

func (s *stream) close() {
	for i := len(s.closes) - 1; i >= 0; i-- {
		s.closes[i]()
	}
}

// open opens an input. A stream that may be read again is copied first.
func (t *Texts) open(in *input) (*stream, error) {
	switch {
	case t.o.Remote[in.path] != nil:
		return openRemote(in.path, t.o.Remote[in.path], remoteBuffer, t.o)
	case in.copied != "":
		return openFile(in.copied, in.path, t.o)
	case !in.stream:
		return openFile(in.path, in.path, t.o)
	}
	in.begun = true
	raw := io.NopCloser(t.o.Stdin)
	if in.path != Standard {
		f, err := os.Open(in.path)
		if err != nil {
			return nil, err
		}
		raw = f
	}
	var file *wholeFile
	if t.o.Spool != "" {
		copied, err := copyStream(raw, t.o.Spool)
		raw.Close()
		if err != nil {
			return nil, err
		}
		if file, err = wholeOf(copied); err != nil {
			copied.Close()
			return nil, err
		}
		in.copied, raw = copied.Name(), copied
	}
	s, err := newStream(in.path, raw, file, t.o)
	if err == nil && s.kind == emptyKind {
		s.close()
		return nil, &KindError{in.path, "an empty stream", "give one with text"}
	}
	return s, err
}

// copyStream writes a stream to a new file in a folder, "" = the system's for temporary files.
func copyStream(in io.Reader, dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "trit-stream-")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, in); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// openFile opens the regular file at path, which errors call name.
func openFile(path, name string, o Options) (*stream, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	file, err := wholeOf(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return newStream(name, f, file, o)
}

// wholeOf is an open file, which is at its beginning then.
func wholeOf(f *os.File) (*wholeFile, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return &wholeFile{f, info.Size()}, err
}

// newStream unpacks raw and finds out what it is. It closes raw, also when it fails. file is
// raw if that is a regular file.
func newStream(path string, raw io.ReadCloser, file *wholeFile, o Options) (_ *stream, err error) {
	s := &stream{path: path, file: file, spool: o.Spool, in: bufio.NewReaderSize(raw, bufferBytes)}
	s.closes = append(s.closes, func() { raw.Close() })
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	head, err := s.look()
	if err != nil {
		return nil, err
	}
	if format := compressionOf(head); format != "" {
		if err := s.unpack(format); err != nil {
			return nil, err
		}
		if head, err = s.look(); err != nil {
			return nil, err
		}
		if inner := compressionOf(head); inner != "" {
			return nil, &KindError{path, fmt.Sprintf("%s data inside %s data", inner, format), "unpack it once"}
		}
	}
	s.kind, err = kindOf(path, head, o.Column)
	return s, err
}

// look returns the first bytes without taking them.
func (s *stream) look() ([]byte, error) {
	head, err := s.in.Peek(lookBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, s.failed(err)
	}
	return head, nil
}

// unpack puts a decoder before the rest of the stream.
func (s *stream) unpack(format string) error {
	s.file = nil
	var out io.Reader
	switch format {
	case gzipFormat:
		z, err := gzip.NewReader(s.in)
		if err != nil {
			return s.failed(&unpackError{format, err})
		}
		out = z
	default:
		z, err := zstd.NewReader(s.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return s.failed(&unpackError{format, err})
		}
		s.closes = append(s.closes, z.Close)
		out = z
	}
	s.in = bufio.NewReaderSize(&unpacker{out, format}, bufferBytes)
	return nil
}

// unpacker marks the errors of a decoder.
type unpacker struct {
	io.Reader
	format string
}

// Read is that of the decoder.
func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &unpackError{u.format, err}
	}
	return n, err
}

type unpackError struct {
	format string
	err    error
}

func (e *unpackError) Error() string { return e.format + ": " + e.err.Error() }
func (e *unpackError) Unwrap() error { return e.err }

// failed is the error of reading the stream.
func (s *stream) failed(err error) error {
	var unpacking *unpackError
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &FormatError{s.path, zstdFormat, fmt.Sprintf("its window is larger than %d MiB", maxWindow>>20),
			"pack it with a smaller one, or with gzip"}
	case errors.As(err, &unpacking):
		found := strings.TrimPrefix(unpacking.err.Error(), unpacking.format+": ")
		if errors.Is(err, io.ErrUnexpectedEOF) {
			found = "it ends too early"
		}
		return &FormatError{s.path, unpacking.format, found, "the file may be damaged or cut short, fetch or pack it again"}
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// whole returns the unpacked data as a file that can be read at any place.
func (s *stream) whole() (*wholeFile, error) {
	if s.file != nil {
		return s.file, nil
	}
	f, err := copyStream(s.in, s.spool)
	if err != nil {
		return nil, s.failed(err)
	}
	removed := os.Remove(f.Name()) // now, as a killed process cannot do it later; Windows removes no open file
	s.closes = append(s.closes, func() {
		if f.Close(); removed != nil {
			os.Remove(f.Name())
		}
	})
	s.remote = false
	return wholeOf(f)
}
