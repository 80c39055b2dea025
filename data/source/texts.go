package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"trit/setting"
)

// DefaultColumn is the column of texts that nearly all data sets have.
const DefaultColumn = "text"

// The ways to divide plain text into documents. Any other value of Options.Documents is a
// separator.
const (
	BlankLine = "blank-line" // between documents there are lines of nothing but white space
	Line      = "line"       // each line is a document
	WholeFile = "file"       // each file is a document
)

// Standard is the path that stands for Options.Stdin.
const Standard = "-"

// MaxDocument is the largest document of a plain text, and the longest line of JSON lines, in
// bytes. A reader holds no more than one of them.
const MaxDocument = 64 << 20

// Options say what to read.
type Options struct {
	// Paths are files, folders with all files below them, and patterns of filepath.Match. They
	// are read in this order, the files of a folder or pattern in the order of their paths.
	// Standard stands for Stdin.
	Paths []string
	// Column is the parquet column or the field of JSON lines that holds the text. Dots divide
	// the names inside groups; the last names of a parquet column are enough where only one
	// column ends with them.
	Column string
	// Documents says how plain text is divided: BlankLine, Line, WholeFile or a separator;
	// "" is BlankLine, or WholeFile with Undivided.
	Documents string
	Undivided bool
	// Shared says that other texts are read with the same Documents, which may be for them alone.
	Shared bool
	Stdin  io.Reader // what Standard reads; may be nil
	// Spool is a folder for copies of streams, with which All can be called more than once; "":
	// it cannot. Parquet that is packed or comes as a stream is copied while it is read, there or
	// in the system's folder for temporary files.
	Spool string
	// Remote are files that Paths name and that lie elsewhere.
	Remote map[string]Remote
}

// Texts are texts in files.
type Texts struct {
	o      Options
	inputs []input
	column columnOrigin // of parquet files
	counts Counts
	at     int   // number of the file that is read
	row    int64 // its rows that were read, and at its start those that are to be skipped
}

// Counts are what All left out, and what it read but should be known.
type Counts struct {
	Null       int64 // rows without a text
	EmptyFiles int64 // in folders and patterns
	Invalid    int64 // texts that were read and are not valid UTF-8
	// Marked counts texts of plain text that hold <|endoftext|>, which other tools put between
	// documents.
	Marked int64
}

// Open finds the files and looks at the first bytes of each.
func Open(o Options) (*Texts, error) {
	if o.Column == "" {
		return nil, &setting.Error{Field: "source.Options.Column", Found: "empty", Wanted: "a name"}
	}
	if len(o.Documents) > maxSeparator {
		return nil, setting.Needs("source.Options.Documents", "the separator is too long",
			fmt.Sprintf("give one of at most %d bytes", maxSeparator))
	}
	inputs, err := find(o)
	if err != nil {
		return nil, err
	}
	return &Texts{o: o, inputs: inputs}, nil
}

// maxSeparator bounds a separator, in bytes.
const maxSeparator = 4096

// Files returns the paths of the files, in the order in which they are read.
func (t *Texts) Files() []string {
	paths := make([]string, len(t.inputs))
	for i, in := range t.inputs {
		paths[i] = in.path
	}
	return paths
}

// Once reports whether some of the texts come from a stream, which is read once.
func (t *Texts) Once() bool {
	return slices.ContainsFunc(t.inputs, func(in input) bool { return in.stream && in.copied == "" })
}

// Sizes returns the sizes of the files and when they were changed last, in nanoseconds, 0 where that is
// unknown.
func (t *Texts) Sizes() (sizes, times []int64) {
	for _, in := range t.inputs {
		size, changed := int64(0), int64(0)
		if r := t.o.Remote[in.path]; r != nil {
			size = r.Size()
		} else if info, err := os.Stat(in.path); err == nil && !in.stream {
			size, changed = info.Size(), info.ModTime().UnixNano()
		}
		sizes, times = append(sizes, size), append(times, changed)
	}
	return sizes, times
}

// packedTimes is how many times larger packed text is taken to be unpacked.
const packedTimes = 3

// TextBytes is about the size of all texts: of parquet files that of the column, unpacked, of others that
// of the files, packed ones times packedTimes.
func (t *Texts) TextBytes() (sum int64, err error) {
	sizes, _ := t.Sizes()
	for i := range t.inputs {
		in := &t.inputs[i]
		if in.stream || in.kind == emptyKind {
			continue
		}
		_, err := t.withStream(in, func(s *stream) (bool, error) {
			n, err := t.textBytes(s, sizes[i])
			sum += n
			return true, err
		})
		if err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func (t *Texts) textBytes(s *stream, size int64) (sum int64, err error) {
	switch {
	case s.file == nil:
		return size * packedTimes, nil
	case s.kind != parquetKind:
		return size, nil
	}
	f, err := newParquet(s)
	if err != nil {
		return 0, err
	}
	l, err := f.textColumn(t.o.Column)
	if err != nil {
		return 0, err
	}
	for g := range f.file.RowGroups() {
		sum += f.chunk(g, l).TotalUncompressedSize
	}
	return sum, nil
}

// Divided returns how plain text was divided into documents by the last All, "" if it read none.
func (t *Texts) Divided() string {
	for _, in := range t.inputs {
		if in.kind == plainKind {
			return t.o.documents()
		}
	}
	return ""
}

// documents is the way to divide plain text.
func (o *Options) documents() string {
	switch {
	case o.Documents != "":
		return o.Documents
	case o.Undivided:
		return WholeFile
	}
	return BlankLine
}

// Counts returns the counts of the last All, which must have ended.
func (t *Texts) Counts() Counts { return t.counts }

// All streams the texts, file by file; of parquet files the column alone is read, a page at a
// time. Rows whose text is null are left out, and counted. A text that is not valid UTF-8 is
// counted and read as it is; in JSON the invalid characters become U+FFFD. A parquet column of
// another type is accepted if all its rows are null, as writers give a column without any
// value an arbitrary type. The sequence ends with its first error, which is a *FormatError, a
// *KindError, a *setting.Error, one of the disk, or that of ctx.
func (t *Texts) All(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for item, err := range t.From(ctx, Position{}, false) {
			if !yield(item.Text, err) {
				return
			}
		}
	}
}

// ReadColumn streams the texts of one column of files: Open and All in one.
func ReadColumn(ctx context.Context, files []string, column string) iter.Seq2[string, error] {
	t, err := Open(Options{Paths: files, Column: column})
	if err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return t.All(ctx)
}

// begin makes ready to read all files from the first.
func (t *Texts) begin() error {
	t.counts, t.column = Counts{}, columnOrigin{}
	for _, in := range t.inputs {
		if in.begun && in.copied == "" {
			return &KindError{in.path, "a stream", "it can be read once: write it to a file"}
		}
		if in.kind == emptyKind {
			t.counts.EmptyFiles++
		}
	}
	return nil
}

// emit takes a text and reports whether more are wanted.
type emit func(text string) bool

// texts reads the texts of one file, and reports whether more are wanted.
func (t *Texts) texts(ctx context.Context, s *stream, yield emit) (more bool, err error) {
	switch s.kind {
	case parquetKind:
		return t.parquet(ctx, s, yield)
	case jsonKind:
		return t.jsonLines(ctx, s, yield)
	}
	return t.plain(ctx, s, yield)
}

// withStream opens an input that is not empty and lets read read it.
func (t *Texts) withStream(in *input, read func(s *stream) (more bool, err error)) (more bool, err error) {
	if in.kind == emptyKind {
		return true, nil
	}
	s, err := t.open(in)
	if err != nil {
		return false, err
	}
	defer s.close()
	in.kind = s.kind
	if err := checkUse(t.inputs, t.o); err != nil {
		return false, err
	}
	return read(s)
}
