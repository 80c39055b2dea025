package texts

import (
	"fmt"
	"strings"

	"trit/cmd/trit/cmdline"
	"trit/data"
	"trit/data/source"
)

// ShowManifest prints the counts of a data set's splits, and what was odd about the texts.
func ShowManifest(con *cmdline.Console, m *data.Manifest) {
	for _, s := range []struct {
		name string
		data.SplitInfo
	}{{"train", m.Train}, {"held out", m.Heldout}} {
		con.Printf("%-8s  %d documents, %d tokens, %d bytes\n", s.name, s.Documents, s.Tokens, s.Bytes)
	}
	var left []string
	for _, s := range []struct {
		n    int64
		what string
	}{
		{m.NullRows, "rows without a text (null)"}, {m.EmptyRows, "texts of no token"}, {m.EmptyFiles, "empty files"},
	} {
		if s.n > 0 {
			left = append(left, fmt.Sprintf("%d %s", s.n, s.what))
		}
	}
	if len(left) > 0 {
		con.Printf("left out  %s\n", strings.Join(left, ", "))
	}
	Warn(con, source.Counts{Invalid: m.InvalidTexts, Marked: m.MarkedTexts})
}

// Warn tells what was odd about texts that were read.
func Warn(con *cmdline.Console, s source.Counts) {
	if s.Invalid > 0 {
		con.Warnf("warning: %d texts are not valid UTF-8: they are read as they are "+
			"(in JSON, with U+FFFD for what is wrong)", s.Invalid)
	}
	if s.Marked > 0 {
		con.Warnf("warning: %d documents hold <|endoftext|> as text: --documents '<|endoftext|>' divides there", s.Marked)
	}
}
