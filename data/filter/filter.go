// Package filter decides which texts a data set takes: by length, by language, and by an expression over
// the columns of their rows.
package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"

	"trit/data/source"
	"trit/setting"
)

// Options say which texts are taken: those that pass all. The zero value takes all texts.
type Options struct {
	MinChars  int      `json:"min_chars,omitempty"` // least characters of a text
	MaxChars  int      `json:"max_chars,omitempty"` // most; 0: any
	Languages []string `json:"languages,omitempty"` // by ISO 639-1 or 639-3: "en", "deu"; none: any
	// Keep is an expression of github.com/expr-lang/expr that is true of the texts to take. It knows the
	// columns of the row by name, and of the text: text, chars, bytes, words and language().
	Keep string `json:"keep,omitempty"`
}

// Any reports whether something is filtered.
func (o *Options) Any() bool {
	return o.MinChars > 0 || o.MaxChars > 0 || len(o.Languages) > 0 || o.Keep != ""
}

// sampleChars is how many characters of a text tell its language.
const sampleChars = 1000

// Filter is safe for concurrent use.
type Filter struct {
	o         Options
	languages map[whatlanggo.Lang]bool
	keep      *expression
}

// New checks the options and compiles the expression.
func New(o Options) (*Filter, error) {
	if o.MinChars < 0 || o.MaxChars < 0 || o.MaxChars > 0 && o.MaxChars < o.MinChars {
		return nil, &setting.Error{Field: "filter.Options.MaxChars",
			Found: fmt.Sprintf("%d to %d characters", o.MinChars, o.MaxChars), Wanted: "numbers from 0, the smaller one first"}
	}
	f := &Filter{o: o}
	if len(o.Languages) > 0 {
		f.languages = map[whatlanggo.Lang]bool{}
	}
	for _, code := range o.Languages {
		l, ok := languageOf(code)
		if !ok {
			return nil, &setting.Error{Field: "filter.Options.Languages", Found: strconv.Quote(code),
				Wanted: "codes of languages such as en, de or zho"}
		}
		f.languages[l] = true
	}
	if o.Keep == "" {
		return f, nil
	}
	var err error
	if f.keep, err = newExpression(o.Keep); err != nil {
		return nil, &setting.Error{Field: "filter.Options.Keep", Problem: "{filter.Options.Keep}: " + firstLine(err),
			Remedy: "write a condition such as 'chars > 200 && score >= 3'"}
	}
	return f, nil
}

func languageOf(code string) (whatlanggo.Lang, bool) {
	for l := range whatlanggo.Langs {
		if code != "" && (code == l.Iso6391() || code == l.Iso6393()) {
			return l, true
		}
	}
	return 0, false
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Lacks are the columns that the expression names and the row does not have, in order.
func (f *Filter) Lacks(row source.Row) (columns []string) {
	if f.keep == nil {
		return nil
	}
	for _, c := range f.keep.columns {
		if !slices.Contains(row.Names, c) {
			columns = append(columns, c)
		}
	}
	return columns
}

// NeedsRows reports whether Check needs the rows of texts.
func (f *Filter) NeedsRows() bool { return f.keep != nil }

// Check returns why a text is left out, "" if it is taken. The error is one of the expression.
func (f *Filter) Check(text string, row source.Row) (reason string, err error) {
	chars := utf8.RuneCountInString(text)
	switch {
	case chars < f.o.MinChars:
		return "too short", nil
	case f.o.MaxChars > 0 && chars > f.o.MaxChars:
		return "too long", nil
	}
	if f.languages != nil && !f.languages[whatlanggo.DetectLang(sample(text))] {
		return "other language", nil
	}
	if f.keep == nil {
		return "", nil
	}
	taken, err := f.keep.isTrue(text, chars, row)
	if err != nil {
		return "", &source.FormatError{Path: row.Path, Field: fmt.Sprintf("row %d", row.Number),
			Found: "the expression fails: " + firstLine(err),
			Hint:  "columns may be missing or null there: score ?? 0 stands for 0 then"}
	}
	if !taken {
		return "expression", nil
	}
	return "", nil
}

// sample is the beginning of a text.
func sample(text string) string {
	n := 0
	for i := range text {
		if n++; n > sampleChars {
			return text[:i]
		}
	}
	return text
}
