package texts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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
		con.Printf("%-8s  %s\n", s.name, splitText(m.Kind, s.SplitInfo))
	}
	if m.Kind != data.Texts {
		showForm(con, m)
	}
	showSets(con, m)
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
	if left = append(left, m.Reasons()...); len(left) > 0 {
		con.Printf("left out  %s\n", strings.Join(left, ", "))
	}
	if m.Refusal != "" {
		con.Warnf("warning: the first row that the chat template refuses: %s", m.Refusal)
	}
	if len(m.NoColumns) > 0 {
		con.Warnf("warning: no row that was read has the column %s of --where", strings.Join(m.NoColumns, ", "))
	}
	Warn(con, source.Counts{Invalid: m.InvalidTexts, Marked: m.MarkedTexts})
}

// showSets says what became of the texts of each set, if they were chosen.
func showSets(con *cmdline.Console, m *data.Manifest) {
	if len(m.Sets) < 2 && !m.Filters.Any() && m.Duplicates.Width() == 0 {
		return
	}
	for _, s := range m.Sets {
		text := fmt.Sprintf("%d documents, %d bytes read; %d, %d bytes, %d tokens taken", s.Read.Documents, s.Read.Bytes,
			s.Written.Documents, s.Written.Bytes, s.Tokens)
		if all := m.Train.Tokens + m.Heldout.Tokens; s.Weight > 0 && all > 0 {
			text += fmt.Sprintf(" (%.1f %%)", 100*float64(s.Tokens)/float64(all))
		}
		if s.UsedUp {
			text += fmt.Sprintf("; used up in pass %d", s.Passes)
		}
		con.Printf("set       %s: %s\n", SetName(s.Name), text)
		for _, reason := range slices.Sorted(maps.Keys(s.LeftOut)) {
			l := s.LeftOut[reason]
			con.Printf("          left out, %s: %d documents, %d bytes\n", reason, l.Documents, l.Bytes)
		}
	}
	if m.FalseRate > 0.001 {
		con.Warnf("warning: %.2g %% of the last texts were taken for duplicates by mistake: raise --duplicates-memory",
			100*m.FalseRate)
	}
}

// SetName is what reports call a set.
func SetName(name string) string { return cmp.Or(name, "texts") }

// splitText is the counts of a split.
func splitText(kind data.Kind, s data.SplitInfo) string {
	switch kind {
	case data.Chat:
		return fmt.Sprintf("%d conversations, %d tokens, %d of them learned, of %d bytes; the longest has %d",
			s.Documents, s.Tokens, s.Learned, s.Bytes, s.Longest)
	case data.Preferences:
		return fmt.Sprintf("%d pairs, %d tokens, %d of them answers, of %d bytes; the longest text has %d",
			s.Documents/2, s.Tokens, s.Learned, s.Bytes, s.Longest)
	}
	return fmt.Sprintf("%d documents, %d tokens, %d bytes", s.Documents, s.Tokens, s.Bytes)
}

// showForm says how conversations were read.
func showForm(con *cmdline.Console, m *data.Manifest) {
	text := fmt.Sprintf("%s, of the fields %s", m.Form, strings.Join(m.Fields, ", "))
	if len(m.Unread) > 0 {
		text += "; not read: " + strings.Join(m.Unread, ", ")
	}
	con.Printf("form      %s\n", text)
	if m.Cut > 0 {
		con.Printf("cut       %d to %d tokens\n", m.Cut, m.Length)
	}
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
