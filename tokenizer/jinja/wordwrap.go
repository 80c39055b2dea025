package jinja

import (
	"regexp"
	"strings"
)

// chunks of a line for wrapping: runs of white space, and words after whose hyphens it
// may break.
var (
	spaceRuns = regexp.MustCompile(`[\t\n\v\f\r ]+|[^\t\n\v\f\r ]+`)
	hyphenEnd = regexp.MustCompile(`[\pL\d_!"'&.,?]*[\pL_]{2}-|-{2,}`)
)

// filterWordWrap is textwrap.wrap of each line.
func filterWordWrap(m *machine, v any, a args) any {
	p := a.bind("wordwrap", "width", 79, "break_long_words", true, "wrapstring", nil, "break_on_hyphens", true)
	width := mustInt(p[0])
	if width <= 0 {
		valueError("invalid width %d (must be > 0)", width)
	}
	newline := "\n"
	if p[2] != nil {
		newline = m.mustText(p[2])
	}
	var out []string
	for _, line := range m.splitLines(m.mustText(v), false) {
		m.items(len(line))
		lines := m.wrapLine(chunksOf(line, isTrue(p[3])), width, isTrue(p[1]))
		out = append(out, m.join(lines, newline))
	}
	return m.join(out, newline)
}

func chunksOf(line string, onHyphens bool) []string {
	var out []string
	for _, run := range spaceRuns.FindAllString(line, -1) {
		for onHyphens && strings.TrimSpace(run) != "" {
			at := hyphenEnd.FindStringIndex(run)
			if at == nil || at[1] == len(run) || !startsWithLetters(run[at[1]:]) {
				break
			}
			out = append(out, run[:at[1]])
			run = run[at[1]:]
		}
		out = append(out, run)
	}
	return out
}

var twoLetters = regexp.MustCompile(`^[\pL_]-?[\pL_]`)

func startsWithLetters(s string) bool { return twoLetters.MatchString(s) }

// wrapLine puts chunks into lines of at most width characters.
func (m *machine) wrapLine(chunks []string, width int, breakLong bool) []string {
	var lines []string
	for len(chunks) > 0 {
		if strings.TrimSpace(chunks[0]) == "" && len(lines) > 0 {
			chunks = chunks[1:]
		}
		var line []string
		size := 0
		for len(chunks) > 0 && size+runeCount(chunks[0]) <= width {
			line = append(line, chunks[0])
			size += runeCount(chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && runeCount(chunks[0]) > width {
			line, chunks = m.breakChunk(line, chunks, width-size, breakLong)
		}
		if n := len(line); n > 0 && strings.TrimSpace(line[n-1]) == "" {
			line = line[:n-1]
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, ""))
		}
	}
	return lines
}

// breakChunk puts what fits of a chunk that no line can hold into a line.
func (m *machine) breakChunk(line, chunks []string, left int, breakLong bool) ([]string, []string) {
	m.alloc(5 * len(chunks[0]))
	if breakLong {
		runes := []rune(chunks[0])
		left = max(left, 1)
		return append(line, string(runes[:left])), append([]string{string(runes[left:])}, chunks[1:]...)
	}
	if len(line) == 0 {
		return chunks[:1], chunks[1:]
	}
	return line, chunks
}
