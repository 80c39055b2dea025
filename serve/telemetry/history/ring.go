// Package history keeps what a server did in the last day, a record a minute, in memory and in a
// file of a fixed size.
//
// The file is a header and a slot for each minute of a day. A record lies in the slot of its minute,
// in place of the one of a day before, behind its checksum. So each record is whole or missing,
// whenever the server ends, and a damaged one harms no other.
package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"
	"time"

	"trit/internal/atomicfile"
)

// Minutes is how many records there are at most: those of a day.
const Minutes = 24 * 60

// slotOf is the slot of a time.
func slotOf(unix int64) int { return int(unix / 60 % Minutes) }

// The header of a file names its form: the layout of Record is a part of it.
var (
	header   = []byte("trit history 1\n\x00")
	slotSize = 4 + binary.Size(Record{})
	fileSize = int64(len(header) + Minutes*slotSize)
	table    = crc32.MakeTable(crc32.Castagnoli)
)

// Ring holds the records of a day. Its methods may be called at the same time.
type Ring struct {
	mu      sync.RWMutex
	slots   []*Record // nil: none
	file    *os.File  // nil: memory only
	damaged int
}

// Open reads a file, and makes it if there is none. Without a path, the history is in memory only.
// The file is locked until the caller closes it.
func Open(path string) (*Ring, error) {
	r := &Ring{slots: make([]*Record, Minutes)}
	if path == "" {
		return r, nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := atomicfile.WriteBytes(path, header); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if r.file = f; !lock(f) {
		err = errors.New("another server writes it: name another file")
	} else {
		err = r.load()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// load reads the file.
func (r *Ring) load() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > fileSize {
		return errNoHistory
	}
	b := make([]byte, info.Size())
	if _, err := r.file.ReadAt(b, 0); err != nil {
		return err
	}
	return r.parse(b)
}

var errNoHistory = errors.New("it is no history of this version: name another file, or remove it")

// parse takes the records of a file. It may end early: what was never written is not there.
func (r *Ring) parse(b []byte) error {
	b, ok := bytes.CutPrefix(b, header)
	if !ok {
		return errNoHistory
	}
	for i := 0; len(b) > 0 && i < Minutes; i++ {
		slot := b[:min(slotSize, len(b))]
		b = b[len(slot):]
		if len(bytes.Trim(slot, "\x00")) == 0 {
			continue
		}
		if r.slots[i] = decode(slot, i); r.slots[i] == nil {
			r.damaged++
		}
	}
	return nil
}

// decode reads a slot; nil: it is damaged.
func decode(slot []byte, i int) *Record {
	if len(slot) != slotSize || crc32.Checksum(slot[4:], table) != binary.LittleEndian.Uint32(slot) {
		return nil
	}
	record := new(Record)
	if _, err := binary.Decode(slot[4:], binary.LittleEndian, record); err != nil || !record.valid(i) {
		return nil
	}
	return record
}

// encode writes a slot.
func encode(record *Record) ([]byte, error) {
	slot, err := binary.Append(make([]byte, 4, slotSize), binary.LittleEndian, record)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(slot, crc32.Checksum(slot[4:], table))
	return slot, nil
}

// Put keeps the record of a minute. It adds it to one of the same minute, such as from before a
// server's restart. The record is in memory even if writing fails.
func (r *Ring) Put(record Record) error {
	record.Time -= record.Time % 60
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slotOf(record.Time)
	if old := r.slots[i]; old != nil && old.Time == record.Time {
		sum := *old
		sum.Merge(&record)
		record = sum
	}
	r.slots[i] = &record
	if r.file == nil {
		return nil
	}
	slot, err := encode(&record)
	if err == nil {
		_, err = r.file.WriteAt(slot, int64(len(header)+i*slotSize))
	}
	return err
}

// Between returns the records of the minutes that begin at from or later, and before to, by time.
func (r *Ring) Between(from, to time.Time) []Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	begin := max(from.Unix()+59, to.Unix()-Minutes*60) / 60 * 60
	var list []Record
	for at := begin; at < to.Unix(); at += 60 {
		if record := r.slots[slotOf(at)]; record != nil && record.Time == at {
			list = append(list, *record)
		}
	}
	return list
}

// Damaged is how many records of the file were not as they were written when it was opened.
func (r *Ring) Damaged() int { return r.damaged }

// Close ends the writing.
func (r *Ring) Close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Sync(), r.file.Close())
}

// Steps joins records of minutes, which are ordered by time, to records of longer stretches, which
// begin at multiples of step.
func Steps(records []Record, step time.Duration) []Record {
	seconds := int64(step / time.Second)
	var list []Record
	for i := range records {
		begin := records[i].Time - records[i].Time%seconds
		if n := len(list); n > 0 && list[n-1].Time == begin {
			list[n-1].Merge(&records[i])
			continue
		}
		list = append(list, records[i])
		list[len(list)-1].Time = begin
	}
	return list
}
