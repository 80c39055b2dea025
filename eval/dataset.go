package eval

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"trit/data/source"
	"trit/eval/internal/python"
	"trit/internal/jsonfile"
	"trit/setting"
)

// Source is a set of documents, as plain files or as a data set of the Hugging Face Hub.
type Source struct {
	Files   []string // names of plain files, JSON lines; the first that exists is read
	Columns []string // which the documents of a plain file must have
	// The set on the Hub: OWNER/NAME, the configuration ("" if there is only one), the split,
	// and the columns that its documents must have.
	Hub, Config, Split string
	HubColumns         []string
	Rows               int // of the whole set; 0: any number
	// Keep reports whether a document is one of the task's; nil: all are.
	Keep func(*Fields) bool
	// Parse returns the documents of a plain file that is text instead of JSON lines; nil if
	// the set has no such file.
	Parse func(text string) []Document
	// CSV says that the set on the Hub has a file CONFIG.csv.
	CSV bool
	// Change changes the documents, all of them together and in their order; may be nil.
	Change func([]Document) ([]Document, error)
}

// String is the name of the set on the Hub and of its first plain file.
func (s *Source) String() string {
	hub := strings.TrimSpace(s.Hub + " " + s.Config)
	switch {
	case hub == "":
		return s.Files[0]
	case len(s.Files) == 0:
		return hub
	}
	return hub + ", or " + s.Files[0]
}

// Limits of a data file.
const (
	maxLineBytes = 16 << 20
	maxDataBytes = 1 << 30 // when unpacked
)

// Load finds the set in Options.DataDir or fetches it with Options.Fetch, reads its documents,
// and checks their columns and their number.
func (s *Source) Load(ctx context.Context, o *Options) ([]Document, error) {
	files, columns, err := s.find(ctx, o)
	if err != nil {
		return nil, err
	}
	var docs []Document
	for _, path := range files {
		part, err := readDocuments(ctx, path, s.Parse)
		if err != nil {
			return nil, err
		}
		docs = append(docs, part...)
	}
	if err := s.check(files[0], docs, columns, o.AllowPartial); err != nil {
		return nil, err
	}
	if docs, err = s.kept(files[0], docs); err != nil || s.Change == nil {
		return docs, err
	}
	if docs, err = s.Change(docs); err != nil {
		return nil, fmt.Errorf("%s: %w", files[0], err)
	}
	return docs, nil
}

// kept are the documents that Keep keeps.
func (s *Source) kept(path string, docs []Document) (kept []Document, err error) {
	if s.Keep == nil {
		return docs, nil
	}
	for i, d := range docs {
		f := NewFields(d)
		if keep := s.Keep(f); f.Err() != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, i+1, f.Err())
		} else if keep {
			kept = append(kept, d)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("%s: it holds no documents of this task", path)
	}
	return kept, nil
}

// check refuses a set with other columns or another number of rows.
func (s *Source) check(path string, docs []Document, columns [][]string, allowPartial bool) error {
	if len(docs) == 0 {
		return fmt.Errorf("%s: it holds no documents", path)
	}
	if s.Rows > 0 && len(docs) != s.Rows && !(allowPartial && len(docs) < s.Rows) {
		return setting.Needs("eval.Options.AllowPartial",
			fmt.Sprintf("%s: it has %d rows, the set has %d", path, len(docs), s.Rows),
			"the file is of another set, or only a part; fetch it whole, or score the part with {eval.Options.AllowPartial}")
	}
	for i, d := range docs {
		if !slices.ContainsFunc(columns, d.hasAll) {
			return fmt.Errorf("%s: row %d has the columns %v, want %s: the file is of another set",
				path, i+1, d.columns(), eitherOf(columns))
		}
	}
	return nil
}

func (d Document) hasAll(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool { _, ok := d.Get(name); return !ok })
}

func eitherOf(columns [][]string) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, fmt.Sprint(c))
	}
	return strings.Join(slices.Compact(parts), " or ")
}

// find returns the files of the set and the lists of columns that their documents may have. It
// looks in the data folder for plain files, then for a copy of the Hub's files, and fetches the
// set if there is neither.
func (s *Source) find(ctx context.Context, o *Options) ([]string, [][]string, error) {
	both := slices.DeleteFunc([][]string{s.Columns, s.HubColumns}, func(c []string) bool { return c == nil })
	if isFile(o.DataDir) && !slices.ContainsFunc(s.Files, filepath.IsAbs) {
		return []string{o.DataDir}, both, nil
	}
	for _, name := range s.Files {
		if path := inFolder(o.DataDir, name); isFile(path) {
			return []string{path}, [][]string{s.Columns}, nil
		}
	}
	if o.DataDir != "" && s.Hub != "" {
		if files := s.inLayout(hubRoots(o.DataDir, s.Hub)); files != nil {
			return files, [][]string{s.HubColumns}, nil
		}
	}
	if _, err := os.Stat(o.DataDir); s.Hub == "" || o.Fetch == nil || o.DataDir != "" && err != nil {
		return nil, nil, s.missing(o.DataDir)
	}
	files, err := s.fetch(ctx, o)
	return files, [][]string{s.HubColumns}, err
}

// fetch fetches the files of the split and no others.
func (s *Source) fetch(ctx context.Context, o *Options) ([]string, error) {
	var chosen []string
	dir, err := o.Fetch(ctx, s.Hub, func(paths []string) []string {
		chosen = s.choose(paths)
		return chosen
	})
	if err != nil && o.DataDir != "" {
		return nil, fmt.Errorf("%w; fetching it failed: %w", s.missing(o.DataDir), err)
	}
	if err != nil {
		remedy := setting.Needs("eval.Options.DataDir", "{eval.Options.DataDir} names a folder that has it", "")
		return nil, fmt.Errorf("fetching the %s split of %s: %w; %w", s.Split, s.Hub, err, remedy)
	}
	files := make([]string, len(chosen))
	for i, name := range chosen {
		files[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	return files, nil
}

// choose returns the files of the split, of all paths of a repository.
func (s *Source) choose(paths []string) []string {
	for _, pattern := range s.layouts() {
		var files []string
		for _, name := range paths {
			if fits, _ := path.Match(pattern, name); fits {
				files = append(files, name)
			}
		}
		if len(files) > 0 {
			slices.Sort(files)
			return files
		}
	}
	return nil
}

// missing is the error for a set that dir does not hold. It names the files that it looked for.
func (s *Source) missing(dir string) error {
	if _, err := os.Stat(dir); dir != "" && err != nil {
		return &setting.Error{Field: "eval.Options.DataDir", Problem: "{eval.Options.DataDir}", Err: err}
	}
	var wanted []string
	wanted = append(wanted, s.Files...)
	if s.Hub != "" {
		set := strings.TrimSpace(s.Hub + " " + s.Config)
		wanted = append(wanted, "the "+s.Split+" split of "+set+" as parquet or JSON lines")
	}
	list := strings.Join(wanted, ", or ")
	if dir == "" {
		return setting.Needs("eval.Options.DataDir", "name the folder of its data with {eval.Options.DataDir}",
			"it must hold "+list)
	}
	return &setting.Error{Field: "eval.Options.DataDir", Wanted: list,
		Problem: "{eval.Options.DataDir} " + dir + " holds no data of it"}
}

func inFolder(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// hubRoots are the folders under dir that may hold a copy of the set.
func hubRoots(dir, hub string) []string {
	owner, name, _ := strings.Cut(hub, "/")
	var roots []string
	for _, root := range []string{hub, name, owner + "__" + name, owner + "--" + name} {
		roots = append(roots, filepath.Join(dir, root))
	}
	snapshots, _ := filepath.Glob(filepath.Join(dir, "datasets--"+owner+"--"+name, "snapshots", "*"))
	return append(append(roots, snapshots...), dir)
}

// splitNames are the names that the files of a split have on the Hub, the usual ones first.
var splitNames = []string{
	"SPLIT-*-of-*.parquet", "SPLIT.parquet", "SPLIT/*.parquet", "*-SPLIT.parquet",
	"SPLIT-*-of-*.jsonl", "SPLIT.jsonl", "SPLIT.jsonl.gz", "SPLIT.json", "SPLIT.json.gz",
}

// layouts are the patterns of paths that the files of the split may have, the usual ones first.
func (s *Source) layouts() []string {
	config := s.Config
	if config == "" {
		config = "default"
	}
	var all []string
	if s.CSV {
		all = append(all, s.Config+".csv")
	}
	for _, dir := range []string{config, "data/" + config, "plain_text", "data", ""} {
		for _, name := range splitNames {
			all = append(all, path.Join(dir, strings.ReplaceAll(name, "SPLIT", s.Split)))
		}
	}
	return all
}

// inLayout returns the files of the split under one of the roots, nil if there are none.
func (s *Source) inLayout(roots []string) []string {
	for _, root := range roots {
		for _, pattern := range s.layouts() {
			if files, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern))); len(files) > 0 {
				slices.Sort(files)
				return files
			}
		}
	}
	return nil
}

// readDocuments reads a file of documents: parquet, or CSV, JSON lines, a JSON list or text for parse,
// which may be compressed with gzip.
func readDocuments(ctx context.Context, path string, parse func(string) []Document) ([]Document, error) {
	if strings.HasSuffix(path, ".parquet") {
		return readParquet(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	buffered := bufio.NewReader(&bounded{in, maxDataBytes})
	read := func() ([]Document, error) {
		if strings.HasSuffix(path, ".csv") {
			return readCSV(buffered)
		}
		return readText(buffered, parse, strings.Contains(filepath.Base(path), ".json"))
	}
	docs, err := read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return docs, nil
}

// readCSV reads rows with the names of their columns in the first one. Values are texts, or nil.
func readCSV(in io.Reader) ([]Document, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	rows, err := python.CSV(string(text))
	var docs []Document
	for _, row := range rows[min(1, len(rows)):] {
		d := Document{}
		for i, v := range row {
			name, _ := rows[0][i].(string)
			d = append(d, source.Field{Name: name, Value: v})
		}
		docs = append(docs, d)
	}
	return docs, err
}

// readText reads JSON lines or a list of JSON objects. If parse is not nil and the file is no
// JSON, parse reads it.
func readText(in *bufio.Reader, parse func(string) []Document, isJSON bool) ([]Document, error) {
	if parse != nil && !isJSON {
		text, err := io.ReadAll(in)
		return parse(string(text)), err
	}
	if first, _ := in.Peek(1); string(first) == "[" {
		return readList(in)
	}
	return readLines(in)
}

// readList reads one list of documents.
func readList(in io.Reader) ([]Document, error) {
	d := json.NewDecoder(in)
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, jsonfile.Explain(nil, err)
	}
	var docs []Document
	for i, e := range v.([]any) {
		fields, ok := e.([]source.Field)
		if !ok {
			return nil, fmt.Errorf("element %d of the list is %s: want objects", i, pyJSON(e, ""))
		}
		docs = append(docs, fields)
	}
	return docs, nil
}

func readParquet(ctx context.Context, path string) ([]Document, error) {
	var docs []Document
	for fields, err := range source.ReadRows(ctx, path) {
		if err != nil {
			return nil, err
		}
		docs = append(docs, fields)
	}
	return docs, nil
}

// readLines reads JSON lines and skips empty ones.
func readLines(in io.Reader) ([]Document, error) {
	var docs []Document
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLineBytes)
	n := 0
	for lines.Scan() {
		n++
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		d, err := parseDocument(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: the file is damaged or cut short; fetch it again", n, err)
		}
		docs = append(docs, d)
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("line %d is longer than %d MB: want a file of JSON lines", n+1, maxLineBytes>>20)
	}
	return docs, err
}

// bounded fails after a number of bytes, so that a small compressed file does not fill the
// memory.
type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("it holds more than %d MB: no evaluation set does", maxDataBytes>>20)
	}
	return n, err
}
