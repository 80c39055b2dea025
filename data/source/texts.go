package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

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
	Stdin     io.Reader // what Standard reads; may be nil
	// Spool is a folder for copies of streams, with which All can be called more than once; "":
	// it cannot. Parquet that is packed or comes as a stream is copied while it is read, there or
	// in the system's folder for temporary files.
	Spool string
}

// Texts are texts in files.
type Texts struct {
	o      Options
	inputs []input
	column columnOrigin // of parquet files
	counts Counts
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
		if err := t.begin(); err != nil {
			yield("", err)
			return
		}
		for i := range t.inputs {
			more, err := t.file(ctx, &t.inputs[i], func(text string) bool {
				if !utf8.ValidString(text) {
					t.counts.Invalid++
				}
				return yield(text, nil)
			})
			if err != nil {
				yield("", err)
			}
			if err != nil || !more {
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

// file reads the texts of one file, and reports whether more are wanted.
func (t *Texts) file(ctx context.Context, in *input, yield emit) (more bool, err error) {
	return t.withStream(in, func(s *stream) (bool, error) {
		switch s.kind {
		case parquetKind:
			return t.parquet(ctx, s, yield)
		case jsonKind:
			return t.jsonLines(ctx, s, yield)
		}
		return t.plain(ctx, s, yield)
	})
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
