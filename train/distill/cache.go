package distill

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"

	"trit/data"
	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/internal/mmap"
	"trit/internal/parallel"
	"trit/setting"
	"trit/train/graph"
)

// Cache is a teacher that was asked once: a file of its likeliest tokens at each position of the rows
// that a run reads. Rows are found by what they hold, so their order, the size of batches and the
// number of ranks do not matter.
//
// The file is a line of JSON (Header), then for each row the hash of its tokens and starts and for
// each position the ids and the log-probabilities of K tokens and the log-probability of all others,
// in 4 bytes each, little-endian, and at the end the sha256 of all that.
type Cache struct {
	path   string
	header Header
	file   *mmap.File
	rows   map[rowKey][]byte
	batch  [][]byte // the rows that were read
	top    *top
}

// Header says what a cache holds.
type Header struct {
	Format         string `json:"format"`
	Dataset        string `json:"dataset"` // fingerprint of the data
	Teacher        string `json:"teacher"` // fingerprint of the teacher
	VocabSize      int    `json:"vocab_size"`
	SequenceLength int    `json:"sequence_length"`
	K              int    `json:"k"` // tokens at a position
	Rows           int    `json:"rows"`
}

const (
	cacheStart  = `{"format":"trit teacher 1"`
	cacheFormat = "trit teacher 1"
	maxHeader   = 4096 // bytes of the first line
	maxVocab    = 1 << 24
	maxLength   = 1 << 20
	maxRows     = 1 << 32
	keySize     = 16
)

// rowKey is the beginning of the hash of a row.
type rowKey [keySize]byte

func keyOf(tokens, starts []int32) (k rowKey) {
	b, err := binary.Append(make([]byte, 0, 8*len(tokens)), binary.LittleEndian, tokens)
	if err == nil {
		b, err = binary.Append(b, binary.LittleEndian, starts)
	}
	if err != nil {
		panic("distill: numbers of a fixed size: " + err.Error())
	}
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

func (h Header) positionBytes() int { return 4 * (2*h.K + 1) }
func (h Header) rowBytes() int      { return keySize + h.SequenceLength*h.positionBytes() }

func (h Header) check() error {
	if h.Format != cacheFormat {
		return fmt.Errorf("format is %q: want %q", h.Format, cacheFormat)
	}
	for _, f := range []struct {
		name         string
		value, limit int
	}{{"vocab_size", h.VocabSize, maxVocab}, {"sequence_length", h.SequenceLength, maxLength},
		{"k", h.K, h.VocabSize - 1}, {"rows", h.Rows, maxRows}} {
		if f.value < 1 || f.value > f.limit {
			return fmt.Errorf("%s is %d: want from 1 to %d", f.name, f.value, f.limit)
		}
	}
	return nil
}

// WriteCache asks a teacher about batches and writes its likeliest tokens to path, whole or not at
// all. h says which rows and how many tokens; next gives the batches of these rows. progress is called
// with the rows so far, and all of them; it may be nil.
func WriteCache(path string, t Teacher, h Header, next func(*data.Batch) error, pool *parallel.Pool,
	progress func(done, total int)) error {
	h.Format, h.Teacher, h.VocabSize = cacheFormat, t.Fingerprint(), t.VocabSize()
	if err := h.check(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	sum := sha256.New()
	write := func(b []byte) error {
		sum.Write(b)
		_, err := f.Write(b)
		return err
	}
	if err := write(append(head, '\n')); err != nil {
		return err
	}
	asked := &questioner{teacher: t, header: h, pool: pool}
	asked.logits = make([]float32, min(askedTogether, h.SequenceLength)*h.VocabSize)
	for done := 0; done < h.Rows; {
		rows, err := asked.rows(next)
		if err != nil {
			return err
		}
		rows = rows[:min(len(rows), h.Rows-done)]
		for _, row := range rows {
			if err := write(row); err != nil {
				return err
			}
		}
		if done += len(rows); progress != nil {
			progress(done, h.Rows)
		}
	}
	if _, err := f.Write(sum.Sum(nil)); err != nil {
		return err
	}
	if err := f.Finish(); err != nil {
		return err
	}
	return f.Commit()
}

// askedTogether is the number of positions whose logits are in memory at a time.
const askedTogether = 64

// questioner asks a teacher about batches.
type questioner struct {
	teacher Teacher
	header  Header
	pool    *parallel.Pool
	logits  []float32 // [askedTogether,V]
	batch   data.Batch
}

// rows are the rows of the next batch, as the file has them.
func (q *questioner) rows(next func(*data.Batch) error) (rows [][]byte, err error) {
	b, n := &q.batch, q.header.SequenceLength
	if err := next(b); err != nil {
		return nil, err
	}
	if err := q.teacher.Read(b); err != nil {
		return nil, err
	}
	for lo := 0; lo < len(b.Tokens); lo += n {
		row, key := make([]byte, q.header.rowBytes()), keyOf(b.Tokens[lo:lo+n], b.Starts[lo:lo+n])
		positions := row[copy(row, key[:]):]
		for at := 0; at < n; at += askedTogether {
			if err := q.ask(positions, lo, at, min(at+askedTogether, n)); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// ask writes the positions [from,to) of the row that begins at lo in the batch.
func (q *questioner) ask(positions []byte, lo, from, to int) error {
	logits, size := q.logits[:(to-from)*q.header.VocabSize], q.header.positionBytes()
	if err := q.teacher.Logits(logits, lo+from, lo+to); err != nil {
		return err
	}
	return forTops(q.pool, q.header.K, logits, q.header.VocabSize, func(r int, _ []float32, t *top) {
		t.encode(positions[(from+r)*size:][:0])
	})
}

// encode appends a position of the file.
func (t *top) encode(b []byte) []byte {
	for _, id := range t.ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	for _, p := range append(t.logProbs[:len(t.logProbs):len(t.logProbs)], t.rest) {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p))
	}
	return b
}

// decode reads a position of the file.
func (t *top) decode(b []byte, vocab int) error {
	k := len(t.ids)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	for i := range k {
		if word(i) >= uint32(vocab) {
			return fmt.Errorf("token %d of a vocabulary of %d", word(i), vocab)
		}
		t.ids[i], t.logProbs[i] = int32(word(i)), math.Float32frombits(word(k+i))
	}
	t.rest = math.Float32frombits(word(2 * k))
	for _, p := range append(t.logProbs[:k:k], t.rest) {
		if !(p <= 1e-6 && p > -math.MaxFloat32) {
			return fmt.Errorf("a log-probability of %g", p)
		}
	}
	return nil
}

// IsCache reports whether a file begins as a cache does.
func IsCache(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, len(cacheStart))
	n, err := f.Read(b)
	return err == nil && string(b[:n]) == cacheStart
}

// OpenCache opens a cache and verifies it.
func OpenCache(path string) (*Cache, error) {
	f, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	c := &Cache{path: path, file: f}
	if err := c.parse(f.Data); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w: delete it to ask the teacher again", path, err), f.Close())
	}
	return c, nil
}

// parse sets header and rows by the contents of the file.
func (c *Cache) parse(b []byte) error {
	line := bytes.IndexByte(b[:min(len(b), maxHeader)], '\n')
	if line < 0 {
		return errors.New("no line at the beginning that says what it holds")
	}
	head, rest := b[:line], b[line+1:]
	if err := jsonfile.DecodeStrict(head, &c.header); err != nil {
		return err
	}
	if err := c.header.check(); err != nil {
		return err
	}
	size := c.header.rowBytes()
	if whole := len(rest) - sha256.Size; whole < 0 || whole%size != 0 || whole/size != c.header.Rows {
		return fmt.Errorf("%d bytes after its first line are not %d rows of %d bytes and a checksum: it was cut off",
			len(rest), c.header.Rows, size)
	}
	end := len(b) - sha256.Size
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return errors.New("its checksum does not fit: it is damaged")
	}
	c.top, c.rows = newTop(c.header.K), make(map[rowKey][]byte, c.header.Rows)
	for row := rest; len(row) > sha256.Size; row = row[size:] {
		c.rows[rowKey(row)] = row[keySize:size]
	}
	return nil
}

// Header says what the cache holds.
func (c *Cache) Header() Header { return c.header }

// CheckFor refuses a cache of other data, or of rows of another length.
func (c *Cache) CheckFor(dataset string, length int) error {
	h := c.header
	switch {
	case h.Dataset != dataset:
		return setting.Needs("train.Run.Teacher", fmt.Sprintf("%s: the teacher was asked about other data", c.path),
			"name the data that it was made for with {train.Run.DataDir}, or another teacher with {train.Run.Teacher}")
	case h.SequenceLength != length:
		return fmt.Errorf("%s: the teacher was asked about rows of %d tokens, but sequence_length is %d: set it to that",
			c.path, h.SequenceLength, length)
	}
	return nil
}

// Read implements Teacher.
func (c *Cache) Read(b *data.Batch) error {
	c.batch = c.batch[:0]
	for n, lo := c.header.SequenceLength, 0; lo < len(b.Tokens); lo += n {
		row, found := c.rows[keyOf(b.Tokens[lo:lo+n], b.Starts[lo:lo+n])]
		if !found {
			return fmt.Errorf("%s does not hold a row of the batch: it holds the %d rows of a run with fewer steps or "+
				"another seed; delete it to ask the teacher again", c.path, c.header.Rows)
		}
		c.batch = append(c.batch, row)
	}
	return nil
}

// Logits implements graph.Teacher.
func (c *Cache) Logits(dst []float32, lo, hi int) error {
	v, n, size := c.header.VocabSize, c.header.SequenceLength, c.header.positionBytes()
	for i := lo; i < hi; i++ {
		if err := c.top.decode(c.batch[i/n][i%n*size:][:size], v); err != nil {
			return fmt.Errorf("%s: %w", c.path, err)
		}
		c.top.spread(dst[(i-lo)*v:][:v])
	}
	return nil
}

// States implements graph.Teacher: the file holds none.
func (c *Cache) States() *graph.States { return nil }

// VocabSize implements Teacher.
func (c *Cache) VocabSize() int { return c.header.VocabSize }

// Fingerprint implements Teacher: it is that of the model that was asked.
func (c *Cache) Fingerprint() string { return c.header.Teacher }

// Close implements Teacher.
func (c *Cache) Close() error { return c.file.Close() }
