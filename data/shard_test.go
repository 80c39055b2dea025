package data

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
)

func exampleShard(vocabulary int) []byte {
	b := newShardBuilder(vocabulary, false)
	b.add([]int32{1, 2, 3}, nil, 10)
	b.add([]int32{4}, nil, 2)
	b.add([]int32{5, 0}, nil, 7)
	return b.encode()
}

// markedShard holds two conversations, of which tokens 1, 2 and 8 are learned.
func markedShard() []byte {
	b := newShardBuilder(6, true)
	b.add([]int32{1, 2, 3}, []bool{false, true, true}, 10)
	b.add([]int32{4, 5, 0, 1, 2, 3}, []bool{false, false, false, false, false, true}, 3)
	return b.encode()
}

func TestMarksRoundTrip(t *testing.T) {
	s, err := parseShard("x", markedShard())
	if err != nil {
		t.Fatal(err)
	}
	var learned []int
	for i := range s.tokens {
		if s.learned(i) {
			learned = append(learned, i)
		}
	}
	if !slices.Equal(learned, []int{1, 2, 8}) || len(s.learn) != 2 {
		t.Errorf("tokens %v are learned, of %d bytes of marks", learned, len(s.learn))
	}
	raw := markedShard()
	raw[len(raw)-shardTrailer-1] |= 1 << 5
	_, err = parseShard("set/a.tokens", sign(raw))
	wantError(t, err, "set/a.tokens", "learn", "behind the last of 9")
	raw = markedShard()
	raw[8] = shardVersion // and the marks are too much
	_, err = parseShard("set/a.tokens", sign(raw))
	wantError(t, err, "size")
}

// sign puts the right checksum on a changed shard, so that the other checks are met.
func sign(raw []byte) []byte {
	body := len(raw) - shardTrailer
	binary.LittleEndian.PutUint32(raw[body:], crc32.Checksum(raw[:body], castagnoli))
	return raw
}

func TestShardRoundTrip(t *testing.T) {
	for _, vocabulary := range []int{6, 1 << 16, 1<<16 + 1} {
		s, err := parseShard("x", exampleShard(vocabulary))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 2, false: 4}[vocabulary <= 1<<16]; s.width != want {
			t.Errorf("vocabulary %d: ids of %d bytes, want %d", vocabulary, s.width, want)
		}
		var ids []int32
		for i := range s.tokens {
			ids = append(ids, s.id(i))
		}
		lo, hi, n := s.document(2)
		if !slices.Equal(ids, []int32{1, 2, 3, 4, 5, 0}) || lo != 4 || hi != 6 || n != 7 {
			t.Errorf("vocabulary %d: ids %v, document 2 is [%d,%d) of %d bytes", vocabulary, ids, lo, hi, n)
		}
	}
}

func TestDamagedShards(t *testing.T) {
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		change func(raw []byte) []byte
		want   string
	}{
		"empty":       {func([]byte) []byte { return nil }, "too few"},
		"truncated":   {func(raw []byte) []byte { return raw[:len(raw)-3] }, "size"},
		"longer":      {func(raw []byte) []byte { return append(raw, 0) }, "size"},
		"magic":       {func(raw []byte) []byte { raw[0] = 'X'; return raw }, "magic"},
		"version":     {func(raw []byte) []byte { raw[8] = 9; return raw }, "version"},
		"width":       {func(raw []byte) []byte { raw[12] = 4; return raw }, "id width"},
		"one bit":     {func(raw []byte) []byte { raw[len(raw)-6] ^= 1; return raw }, "checksum"},
		"no words":    {func(raw []byte) []byte { le.PutUint32(raw[16:], 0); return raw }, "vocabulary"},
		"vocabulary":  {func(raw []byte) []byte { le.PutUint32(raw[16:], maxVocabulary+1); return raw }, "vocabulary"},
		"documents":   {func(raw []byte) []byte { le.PutUint64(raw[24:], 1<<60); return raw }, "size"},
		"tokens":      {func(raw []byte) []byte { le.PutUint64(raw[32:], 1<<63+6); return raw }, "size"},
		"offsets":     {func(raw []byte) []byte { le.PutUint64(raw[48:], 1<<40); return sign(raw) }, "offsets"},
		"backwards":   {func(raw []byte) []byte { le.PutUint64(raw[56:], 2); return sign(raw) }, "offsets"},
		"short end":   {func(raw []byte) []byte { le.PutUint64(raw[64:], 5); return sign(raw) }, "offsets"},
		"text length": {func(raw []byte) []byte { le.PutUint64(raw[72:], maxDocumentBytes+1); return sign(raw) }, "bytes"},
		"id":          {func(raw []byte) []byte { le.PutUint16(raw[96:], 6); return sign(raw) }, "ids"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseShard("set/a.tokens", c.change(exampleShard(6)))
			wantError(t, err, "set/a.tokens", c.want, shardHint)
		})
	}
}

func FuzzShard(f *testing.F) {
	f.Add(exampleShard(6))
	f.Add(exampleShard(1 << 20))
	f.Add(newShardBuilder(3, false).encode())
	f.Add(markedShard())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) >= shardTrailer {
			sign(raw) // else nothing but the checksum would be met
		}
		s, err := parseShard("x", raw)
		if err != nil {
			return
		}
		b := newShardBuilder(s.vocabulary, s.marked)
		for i := range s.documents {
			lo, hi, n := s.document(i)
			var ids []int32
			var learn []bool
			for k := lo; k < hi; k++ {
				ids = append(ids, s.id(k))
				if s.marked {
					learn = append(learn, s.learned(k))
				}
			}
			b.add(ids, learn, n)
		}
		if !bytes.Equal(b.encode(), raw) {
			t.Error("what was read is written differently")
		}
	})
}
