package data

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"trit/data/source"
	"trit/internal/mmap"
)

// A shard, all little-endian:
//
//	magic      8 bytes "TRITTOKS"
//	version    uint32
//	width      uint32: bytes of a token id, 2 or 4
//	vocabulary uint32: ids are below it
//	zero       uint32
//	documents  uint64
//	tokens     uint64
//	offsets    [documents+1]uint64: where each document's ids begin, in tokens
//	bytes      [documents]uint64: length of each document's text in UTF-8
//	ids        [tokens]uint16 or uint32
//	learn      version 2 alone, [(tokens+7)/8]byte: bit i%8 of byte i/8 is whether token i is learned
//	checksum   uint32: CRC-32C of all that precedes
const (
	shardMagic    = "TRITTOKS"
	shardVersion  = 1 // of texts, whose tokens are all learned
	markedVersion = 2 // of conversations
	shardHeader   = 40
	shardTrailer  = 4

	// maxVocabulary bounds the vocabulary that a shard or a manifest may state.
	maxVocabulary = 1 << 24
	// maxDocumentBytes bounds the text length that a shard may state of a document.
	maxDocumentBytes = 1 << 40
)

const shardHint = "prepare the data set again"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// shardBuilder gathers documents until they are written as one shard.
type shardBuilder struct {
	vocabulary int
	marked     bool // it says which tokens are learned
	ids        []int32
	learn      []byte // of a marked shard
	offsets    []uint64
	bytes      []uint64
}

func newShardBuilder(vocabulary int, marked bool) *shardBuilder {
	return &shardBuilder{vocabulary: vocabulary, marked: marked, offsets: []uint64{0}}
}

// add adds a document; learn is for each token of a marked shard whether it is learned.
func (b *shardBuilder) add(ids []int32, learn []bool, bytes int64) {
	for i, yes := range learn {
		at := len(b.ids) + i
		if at%8 == 0 {
			b.learn = append(b.learn, 0)
		}
		if yes {
			b.learn[at/8] |= 1 << (at % 8)
		}
	}
	b.ids = append(b.ids, ids...)
	b.offsets = append(b.offsets, uint64(len(b.ids)))
	b.bytes = append(b.bytes, uint64(bytes))
}

// reset begins anew in the same memory.
func (b *shardBuilder) reset() {
	b.ids, b.learn, b.offsets, b.bytes = b.ids[:0], b.learn[:0], b.offsets[:1], b.bytes[:0]
}

// from is the documents behind the first n of an unmarked shard.
func (b *shardBuilder) from(n int) *shardBuilder {
	part := newShardBuilder(b.vocabulary, false)
	for i, at := range b.offsets[n : len(b.offsets)-1] {
		part.add(b.ids[at:b.offsets[n+i+1]], nil, int64(b.bytes[n+i]))
	}
	return part
}

func (b *shardBuilder) textBytes() (sum int64) {
	for _, n := range b.bytes {
		sum += int64(n)
	}
	return sum
}

func idWidth(vocabulary int) int {
	if vocabulary <= math.MaxUint16+1 {
		return 2
	}
	return 4
}

// encode returns the bytes of the shard.
func (b *shardBuilder) encode() []byte {
	le := binary.LittleEndian
	width := idWidth(b.vocabulary)
	out := make([]byte, 0, shardHeader+8*(len(b.offsets)+len(b.bytes))+width*len(b.ids)+len(b.learn)+shardTrailer)
	out = append(out, shardMagic...)
	version := shardVersion
	if b.marked {
		version = markedVersion
	}
	for _, v := range []int{version, width, b.vocabulary, 0} {
		out = le.AppendUint32(out, uint32(v))
	}
	out = le.AppendUint64(out, uint64(len(b.bytes)))
	out = le.AppendUint64(out, uint64(len(b.ids)))
	for _, list := range [][]uint64{b.offsets, b.bytes} {
		for _, v := range list {
			out = le.AppendUint64(out, v)
		}
	}
	for _, id := range b.ids {
		if width == 2 {
			out = le.AppendUint16(out, uint16(id))
		} else {
			out = le.AppendUint32(out, uint32(id))
		}
	}
	out = append(out, b.learn...)
	return le.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// shard is a checked shard; its tables are slices of the mapped file.
type shard struct {
	file       *mmap.File // nil: the bytes are not of a file
	vocabulary int
	documents  int
	tokens     int
	width      int
	marked     bool
	offsets    []byte
	bytes      []byte
	ids        []byte
	learn      []byte
}

// openShard maps a shard. Of one that was checked before, the tables alone are read.
func openShard(path string, checked bool) (*shard, error) {
	file, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	parse := parseShard
	if checked {
		parse = parseTables
	}
	s, err := parse(path, file.Data)
	if err != nil {
		file.Close()
		return nil, err
	}
	s.file = file
	return s, nil
}

func (s *shard) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// parseShard checks all that the format states, so that no later access can fail.
func parseShard(path string, data []byte) (*shard, error) {
	s, err := parseTables(path, data)
	if err != nil {
		return nil, err
	}
	body := len(data) - shardTrailer
	if got, want := crc32.Checksum(data[:body], castagnoli), binary.LittleEndian.Uint32(data[body:]); got != want {
		return nil, shardError(path, "checksum", "%08x: the file states %08x", got, want)
	}
	if err := s.checkIDs(path); err != nil {
		return nil, err
	}
	return s, s.checkLearn(path)
}

// parseTables checks the header and where documents lie.
func parseTables(path string, data []byte) (*shard, error) {
	s, err := parseHeader(path, data)
	if err != nil {
		return nil, err
	}
	offsets, texts := 8*(s.documents+1), 8*s.documents
	rest := data[shardHeader : len(data)-shardTrailer]
	s.offsets, s.bytes, rest = rest[:offsets], rest[offsets:offsets+texts], rest[offsets+texts:]
	s.ids, s.learn = rest[:s.width*s.tokens], rest[s.width*s.tokens:]
	return s, s.checkDocuments(path)
}

func parseHeader(path string, data []byte) (*shard, error) {
	if len(data) < shardHeader+8+shardTrailer {
		return nil, shardError(path, "size", "%d bytes, too few for a token shard", len(data))
	}
	le := binary.LittleEndian
	if string(data[:8]) != shardMagic {
		return nil, shardError(path, "magic", "%q: want %q", data[:8], shardMagic)
	}
	version := le.Uint32(data[8:])
	if version != shardVersion && version != markedVersion {
		return nil, shardError(path, "version", "%d: want %d or %d", version, shardVersion, markedVersion)
	}
	width, vocabulary, zero := le.Uint32(data[12:]), le.Uint32(data[16:]), le.Uint32(data[20:])
	if vocabulary == 0 || vocabulary > maxVocabulary {
		return nil, shardError(path, "vocabulary", "%d: want 1 to %d", vocabulary, maxVocabulary)
	}
	if width != uint32(idWidth(int(vocabulary))) || zero != 0 {
		want := idWidth(int(vocabulary))
		return nil, shardError(path, "id width", "%d: want %d for a vocabulary of %d", width, want, vocabulary)
	}
	size, documents, tokens := uint64(len(data)), le.Uint64(data[24:]), le.Uint64(data[32:])
	marks := uint64(0)
	if version == markedVersion {
		marks = tokens/8 + (tokens%8+7)/8
	}
	if documents > size/16 || tokens > size/uint64(width) ||
		shardHeader+8*(2*documents+1)+tokens*uint64(width)+marks+shardTrailer != size {
		return nil, shardError(path, "size", "%d bytes: %d documents of %d tokens take another size", size, documents, tokens)
	}
	return &shard{vocabulary: int(vocabulary), documents: int(documents), tokens: int(tokens), width: int(width),
		marked: version == markedVersion}, nil
}

func (s *shard) checkDocuments(path string) error {
	last := uint64(0)
	for i := range s.documents + 1 {
		at := binary.LittleEndian.Uint64(s.offsets[8*i:])
		if at > uint64(s.tokens) || at < last || i == 0 && at != 0 {
			return shardError(path, "offsets", "document %d begins at token %d of %d, after %d", i, at, s.tokens, last)
		}
		last = at
	}
	if last != uint64(s.tokens) {
		return shardError(path, "offsets", "the documents end at token %d of %d", last, s.tokens)
	}
	for i := range s.documents {
		if n := binary.LittleEndian.Uint64(s.bytes[8*i:]); n > maxDocumentBytes {
			return shardError(path, "bytes", "document %d states %d: want at most %d", i, n, maxDocumentBytes)
		}
	}
	return nil
}

func (s *shard) checkIDs(path string) error {
	for i := range s.tokens {
		if id := s.id(i); uint32(id) >= uint32(s.vocabulary) {
			return shardError(path, "ids", "token %d is %d: the vocabulary has %d tokens", i, uint32(id), s.vocabulary)
		}
	}
	return nil
}

// checkLearn checks that the bits behind the last token's are 0.
func (s *shard) checkLearn(path string) error {
	if n := s.tokens % 8; s.marked && n > 0 && s.learn[len(s.learn)-1]>>n != 0 {
		return shardError(path, "learn", "a token behind the last of %d is learned", s.tokens)
	}
	return nil
}

// learned reports whether token i is learned.
func (s *shard) learned(i int) bool { return !s.marked || s.learn[i/8]>>(i%8)&1 != 0 }

func (s *shard) id(i int) int32 {
	if s.width == 2 {
		return int32(binary.LittleEndian.Uint16(s.ids[2*i:]))
	}
	return int32(binary.LittleEndian.Uint32(s.ids[4*i:]))
}

// document returns where the ids of document i begin and end, and the bytes of its text.
func (s *shard) document(i int) (lo, hi int, bytes int64) {
	le := binary.LittleEndian
	return int(le.Uint64(s.offsets[8*i:])), int(le.Uint64(s.offsets[8*i+8:])), int64(le.Uint64(s.bytes[8*i:]))
}

func shardError(path, field, found string, args ...any) error {
	return &source.FormatError{Path: path, Field: field, Found: fmt.Sprintf(found, args...), Hint: shardHint}
}
