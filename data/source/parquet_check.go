package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits of a page, which is read whole. Writers make pages of about a megabyte.
const (
	maxPageBytes  = 256 << 20
	maxPageValues = 1 << 26
)

// parquetEnd is the size of what every parquet file ends with: the size of its footer, and "PAR1".
const parquetEnd = 8

// checkEnd refuses a file that was cut short, and a footer larger than the file: the parquet library asks for as much
// memory as is written there.
func checkEnd(path string, r io.ReaderAt, size int64) error {
	bad := func(found string, args ...any) error {
		return &FormatError{path, "footer", fmt.Sprintf(found, args...), parquetHint}
	}
	if size < parquetEnd {
		return bad("a file of %d bytes has none", size)
	}
	var end [parquetEnd]byte
	if _, err := r.ReadAt(end[:], size-parquetEnd); err != nil {
		return err
	}
	if magic := end[4:]; string(magic) != "PAR1" {
		return bad("the file ends with %q, not with \"PAR1\"", magic)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-parquetEnd {
		return bad("it says that it has %d bytes, the file has %d", n, size)
	}
	return nil
}

// checkFooter checks what the parquet library takes on trust: it refuses a type that does not
// exist, and nulls in a column that says it has none.
func checkFooter(path string, m *format.FileMetaData) error {
	required := map[string]bool{}
	for _, e := range m.Schema {
		if t, ok := e.Type.Get(); ok && (t < format.Boolean || t > format.FixedLenByteArray) {
			return columnError(path, e.Name, "it has type %d, which does not exist", int32(t))
		}
		rep, _ := e.RepetitionType.Get()
		required[e.Name] = rep == format.Required
	}
	for _, g := range m.RowGroups {
		for _, c := range g.Columns {
			name := c.MetaData.PathInSchema
			if n := c.MetaData.Statistics.NullCount; len(name) == 1 && required[name[0]] && n > 0 {
				return columnError(path, name[0], "it is required and has %d nulls", n)
			}
		}
	}
	return nil
}

// columnError is an error of a damaged column.
func columnError(path, column, found string, args ...any) error {
	return &FormatError{path, fmt.Sprintf("column %q", column), fmt.Sprintf(found, args...), parquetHint}
}

// checkChunk refuses what the parquet library would read wrongly or with any amount of memory,
// before it reads the chunk.
func (r *columnReader) checkChunk(c *format.ColumnMetaData) error {
	switch c.Codec {
	case format.Lz4Raw, format.Lz4, format.LZO:
		// Of LZ4_RAW version 0.32.0 of the library returns zeros where it unpacks into a buffer of
		// its own (Column.decompress), and has no end for a damaged page. It has no LZ4 and no LZO.
		return r.unsupported(fmt.Sprintf("its compression is %v", c.Codec))
	}
	at := chunkStart(c)
	for end := at + c.TotalCompressedSize; at < end; {
		h, size, err := r.header(at, end)
		if err != nil {
			return nil // the library says it better
		}
		if err := checkPage(h); err != nil {
			return r.failed(err)
		}
		if emptyV2(h) && c.Codec == format.Snappy { // the library unpacks nothing, and fails
			return r.unsupported("it has a page of version 2 without values, which says that it is compressed")
		}
		if c.Codec == format.Zstd {
			levels := h.DataPageHeaderV2.V.DefinitionLevelsByteLength + h.DataPageHeaderV2.V.RepetitionLevelsByteLength
			if n := zstdSize(r.file.at, at+size+int64(levels)); n > uint64(h.UncompressedPageSize) {
				return r.failed(fmt.Errorf("a page of %d bytes holds a zstd frame of %d", h.UncompressedPageSize, n))
			}
		}
		at += size + int64(h.CompressedPageSize)
	}
	return nil
}

// chunkStart is where a chunk begins: at its dictionary, if it has one.
func chunkStart(c *format.ColumnMetaData) int64 {
	if d := c.DictionaryPageOffset; d > 0 && d < c.DataPageOffset {
		return d
	}
	return c.DataPageOffset
}

// unsupported is the error of a sound column that the parquet library cannot read.
func (r *columnReader) unsupported(found string) error {
	return &FormatError{r.file.path, fmt.Sprintf("column %q", r.leaf.name()), found,
		"write the file with zstd, or with snappy and pages of version 1"}
}

// emptyV2 reports whether a compressed page has levels alone, as Spark writes pages of nulls.
func emptyV2(h format.PageHeader) bool {
	v2 := h.DataPageHeaderV2
	if !v2.Valid || v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
		return false
	}
	return h.CompressedPageSize == v2.V.DefinitionLevelsByteLength+v2.V.RepetitionLevelsByteLength
}

// header reads the header of a page, and returns its size too.
func (r *columnReader) header(at, end int64) (h format.PageHeader, size int64, err error) {
	section := io.NewSectionReader(r.file.at, at, end-at)
	in := bufio.NewReaderSize(section, 512)
	if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(in)).Decode(&h); err != nil {
		return h, 0, err
	}
	taken, err := section.Seek(0, io.SeekCurrent)
	return h, taken - int64(in.Buffered()), err
}

// zstdSize is the size that a zstd frame says it has unpacked, for which the parquet library asks
// for memory; 0 where it says none. Source: RFC 8878, section 3.1.1.1.
func zstdSize(r io.ReaderAt, at int64) uint64 {
	var b [18]byte
	r.ReadAt(b[:], at) // of a shorter frame the rest is 0
	if binary.LittleEndian.Uint32(b[:]) != 0xfd2fb528 {
		return 0
	}
	flag, single, dictionary := b[4]>>6, b[4]>>5&1, b[4]&3
	from := 5 + int(1-single) + []int{0, 1, 2, 4}[dictionary]
	switch size := binary.LittleEndian.Uint64(b[from : from+8]); {
	case flag == 3:
		return size
	case flag == 2:
		return size & 0xffffffff
	case flag == 1:
		return size&0xffff + 256
	case single == 1:
		return size & 0xff
	}
	return 0
}

func checkPage(h format.PageHeader) error {
	if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 || h.UncompressedPageSize > maxPageBytes {
		return fmt.Errorf("a page of %d bytes, %d unpacked: at most %d are read", h.CompressedPageSize,
			h.UncompressedPageSize, maxPageBytes)
	}
	n := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	if n > maxPageValues {
		return fmt.Errorf("a page of %d values: at most %d are read", n, maxPageValues)
	}
	return nil
}

// check compares the values with the schema and with the number of rows that was stated.
func (r *columnReader) check(values []parquet.Value) error {
	if err := r.checkStart(values); err != nil {
		return err
	}
	kind := parquet.Kind(r.leaf.element.Type.V)
	for _, v := range values {
		if !v.IsNull() && v.Kind() != kind {
			return r.failed(fmt.Errorf("its type is %v, and its annotation is of %v", kind, v.Kind()))
		}
		if v.RepetitionLevel() == 0 {
			r.rows--
		}
		if v.IsNull() && r.leaf.definition == 0 && !r.leaf.isNull() {
			return r.failed(errors.New("a null in a required column"))
		}
	}
	if r.rows < 0 {
		return r.failed(errors.New("a row group holds more rows than it states"))
	}
	return nil
}

// checkStart refuses a row group whose first value goes on with a row that never began.
func (r *columnReader) checkStart(values []parquet.Value) error {
	if r.begun || len(values) == 0 {
		return nil
	}
	r.begun = true
	if level := values[0].RepetitionLevel(); level != 0 {
		return r.failed(fmt.Errorf("a row group begins with repetition level %d instead of 0", level))
	}
	return nil
}
