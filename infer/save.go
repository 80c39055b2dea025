package infer

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"unsafe"
)

// savedHeader begins a file of sessions: what must be equal for them to be of use.
type savedHeader struct {
	Model    string `json:"model"` // fingerprint that the caller gives
	Cache    string `json:"cache"` // number format
	Layers   int    `json:"layers"`
	Heads    int    `json:"heads"`
	Dim      int    `json:"dim"`
	Block    int    `json:"block"`
	Capacity int    `json:"capacity"`
	Sessions int    `json:"sessions"`
}

// savedMagic is the first line of a file of sessions.
const savedMagic = "trit sessions 1\n"

func (m *Model) savedHeader(model string, capacity, sessions int) savedHeader {
	return savedHeader{
		model, string(m.cache.kind()), len(m.layers), m.config.NumKeyValueHeads, m.config.HeadDim, blockPositions,
		capacity, sessions,
	}
}

// SaveSessions writes sessions of the same capacity: tokens, keys and values, and a sum by which
// damage is found. What sessions share is written once. model names the model and its weights.
func (m *Model) SaveSessions(w io.Writer, model string, sessions []*Session) error {
	if m.config.IsHybrid() {
		return errRecurrent
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)
	capacity := 0
	if len(sessions) > 0 {
		capacity = sessions[0].capacity
	}
	out.WriteString(savedMagic) //nolint:errcheck // Flush returns the first error
	if err := json.NewEncoder(out).Encode(m.savedHeader(model, capacity, len(sessions))); err != nil {
		return err
	}
	numbers := map[any]int32{}
	for _, s := range sessions {
		if err := s.save(out, numbers); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// save writes a session. numbers are the blocks that were written before.
func (s *Session) save(w io.Writer, numbers map[any]int32) error {
	err := binary.Write(w, binary.LittleEndian, int32(len(s.tokens)))
	err = errors.Join(err, binary.Write(w, binary.LittleEndian, s.tokens))
	blocks := (len(s.tokens) + blockPositions - 1) / blockPositions
	i := 0
	s.cache[0].each(func(block any, _ int) bool {
		if i == blocks || err != nil {
			return false
		}
		number, known := numbers[block]
		if !known {
			number = int32(len(numbers))
			numbers[block] = number
		}
		err = binary.Write(w, binary.LittleEndian, number)
		for l := 0; l < len(s.cache) && !known && err == nil; l++ {
			for _, part := range s.cache[l].memory(i) {
				if _, err = w.Write(part); err != nil {
					break
				}
			}
		}
		i++
		return true
	})
	return err
}

// errRecurrent is the error of saving sessions whose recurrent layers a file has no place for.
var errRecurrent = errors.New(
	"what recurrent layers remember cannot be saved: keep no prefixes in a file for this model")

// IsSessions reports whether a file begins as those of SaveSessions do.
func IsSessions(r io.Reader) bool {
	magic := make([]byte, len(savedMagic))
	_, err := io.ReadFull(r, magic)
	return err == nil && string(magic) == savedMagic
}

// ErrOtherSessions says that saved sessions are of another model, or of other options.
var ErrOtherSessions = errors.New("these are the sessions of another model or of other options")

// check compares the header of a file with the one that is wanted, and says what differs.
func (h savedHeader) check(file savedHeader) error {
	for _, f := range []struct {
		what          string
		found, wanted any
	}{
		{"the model", file.Model, h.Model}, {"the context", file.Capacity, h.Capacity}, {"the cache", file.Cache, h.Cache},
		{"the number of layers", file.Layers, h.Layers}, {"the number of heads", file.Heads, h.Heads},
		{"the size of a head", file.Dim, h.Dim}, {"the size of a block", file.Block, h.Block},
	} {
		if f.found != f.wanted {
			return fmt.Errorf("%w: %s is %v, not %v", ErrOtherSessions, f.what, f.found, f.wanted)
		}
	}
	return nil
}

// LoadSessions reads what SaveSessions wrote: all of it, or nothing with an error. It fails with
// ErrOtherSessions if the sessions are not for this model and capacity.
func (m *Model) LoadSessions(r io.Reader, model string, capacity int) ([]*Session, error) {
	if m.config.IsHybrid() {
		return nil, errRecurrent
	}
	sum := sha256.New()
	in := &summing{r: bufio.NewReaderSize(r, 1<<20), sum: sum}
	if !IsSessions(in) {
		return nil, errors.New("this is no file of sessions")
	}
	line, err := in.line()
	var h savedHeader
	if err != nil || json.Unmarshal(line, &h) != nil {
		return nil, errors.New("the header of the sessions is damaged")
	}
	if err := m.savedHeader(model, capacity, h.Sessions).check(h); err != nil {
		return nil, err
	}
	var sessions []*Session
	var known []savedBlock
	for range h.Sessions {
		s, err := m.loadSession(in, capacity, &known)
		if err != nil {
			return nil, fmt.Errorf("the sessions are damaged: %w", err)
		}
		sessions = append(sessions, s)
	}
	want := sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in.r, got); err != nil || string(got) != string(want) {
		return nil, errors.New("the sessions are damaged: their sum is wrong")
	}
	return sessions, nil
}

// savedBlock is where a block was read.
type savedBlock struct {
	s *Session
	i int
}

// loadSession reads a session. known are the blocks that were read before.
func (m *Model) loadSession(r io.Reader, capacity int, known *[]savedBlock) (*Session, error) {
	s, err := m.NewSession(capacity)
	if err != nil {
		return nil, err
	}
	var n int32
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return nil, err
	}
	if n < 0 || int(n) > capacity {
		return nil, fmt.Errorf("%d tokens for a capacity of %d", n, capacity)
	}
	s.tokens = make([]int32, n)
	if err := binary.Read(r, binary.LittleEndian, s.tokens); err != nil {
		return nil, err
	}
	if err := m.checkIDs(s.tokens); err != nil {
		return nil, err
	}
	s.known = int(n)
	for i := 0; i*blockPositions < int(n); i++ {
		if err := s.loadBlock(r, i, known); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// loadBlock reads block i of a session, or shares it with the session that has it.
func (s *Session) loadBlock(r io.Reader, i int, known *[]savedBlock) error {
	var number int32
	if err := binary.Read(r, binary.LittleEndian, &number); err != nil {
		return err
	}
	switch {
	case number >= 0 && int(number) < len(*known):
		from := (*known)[number]
		if from.i != i {
			return fmt.Errorf("block %d stands at %d and %d", number, from.i, i)
		}
		for l, c := range s.cache {
			c.share(from.s.cache[l], i)
		}
		return nil
	case int(number) != len(*known):
		return fmt.Errorf("block %d comes after %d others", number, len(*known))
	}
	*known = append(*known, savedBlock{s, i})
	for _, c := range s.cache {
		c.reserve(i*blockPositions, min((i+1)*blockPositions, s.capacity))
		for _, part := range c.memory(i) {
			if _, err := io.ReadFull(r, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// summing sums up what is read.
type summing struct {
	r   *bufio.Reader
	sum hash.Hash
}

// Read implements io.Reader.
func (s *summing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n]) //nolint:errcheck // a hash takes everything
	return n, err
}

// maxSavedHeader limits the header of a file of sessions.
const maxSavedHeader = 4096

// line reads a line.
func (s *summing) line() ([]byte, error) {
	var line []byte
	for len(line) < maxSavedHeader {
		b := make([]byte, 1)
		if _, err := io.ReadFull(s, b); err != nil {
			return nil, err
		}
		if b[0] == '\n' {
			return line, nil
		}
		line = append(line, b[0])
	}
	return nil, errors.New("a line is too long")
}

// asBytes is the memory of some numbers.
func asBytes[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}
