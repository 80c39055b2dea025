// Package nearest finds the name that was meant by one that nobody knows. All that refuse a name ask it, so
// that a typing error, or the word of another tool, is answered in the same way everywhere.
package nearest

import (
	"fmt"
	"slices"
	"strings"
)

// Name returns the known name that is nearest to the given one, or "" if none is near. Names that differ in
// case, in "-" and "_" or in a few letters are near, and so are names that begin with the given one. Also
// maps words of other tools to known names; it may be nil.
func Name(given string, known []string, also map[string]string) string {
	word := plain(given)
	if word == "" {
		return ""
	}
	for other, name := range also {
		if plain(other) == word && slices.Contains(known, name) {
			return name
		}
	}
	best, least := "", max(1, len(word)/3) // of three letters one may be wrong
	for _, name := range known {
		if d := distance(word, plain(name)); d < least || d == least && best == "" {
			best, least = name, d
		}
	}
	if best == "" || least >= max(len(word), len(best)) { // every letter is another
		return beginning(word, known)
	}
	return best
}

// Question asks for the name that was meant: `did you mean "arc_easy"?`. It is empty if no name is near.
func Question(given string, known []string, also map[string]string) string {
	if name := Name(given, known, also); name != "" {
		return fmt.Sprintf("did you mean %q?", name)
	}
	return ""
}

// few is how many names can be read at a glance.
const few = 6

// OneOf is the end of an error: Question, or the list of all names if they are few or none of them is near,
// ": want one of a, b, c".
func OneOf(given string, known []string, also map[string]string) string {
	if q := Question(given, known, also); q != "" && len(known) > few {
		return ": " + q
	}
	return ": want one of " + strings.Join(known, ", ")
}

// beginning returns the only known name that begins or ends with word, or with which word begins, or "".
func beginning(word string, known []string) string {
	found := ""
	for _, name := range known {
		p := plain(name)
		part := len(word) >= 3 && (strings.HasPrefix(p, word) || strings.HasSuffix(p, word))
		if !part && (len(p) < 4 || !strings.HasPrefix(word, p)) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

// plain is a name without what people mix up: case, "-" and "_".
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(strings.ToLower(name))
}

// distance is the least number of bytes to insert, delete, replace or swap with their neighbour
// (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
