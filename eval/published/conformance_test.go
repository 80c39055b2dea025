//go:build conformance

package published

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The values are those of the notes that were taken from the papers.
func TestValuesAreThoseOfTheNotes(t *testing.T) {
	b, err := os.ReadFile("../../../shared/reference/published_numbers.md")
	if err != nil {
		t.Fatal(err)
	}
	notes := string(b)
	small, err := Load("b1.58-zero-shot")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, m := range small.Models {
		if row := small.values(&m, "paper"); !strings.Contains(notes, row) || !strings.Contains(notes, "b1.58 "+m.Name) {
			t.Errorf("%s: the notes have no row with %q", m.Name, row)
		}
		if row := strings.ReplaceAll(small.values(&m, "1bitLLM"), " | ", " "); row != "" && !strings.Contains(notes, row) {
			t.Errorf("%s: the notes have no row with %q", m.Name, row)
		}
	}
	large, err := Load("2b-4t")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(notes) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, c := range large.Columns {
			if strings.TrimSpace(cells[0]) != c.Title || len(cells) != 8 || i > 0 && large.Columns[i-1].Title == c.Title {
				continue // another reading may have other examples
			}
			compared++
			want := fmt.Sprintf("%.2f", large.Models[0].Published["paper"][c.Title])
			if got := strings.TrimSpace(cells[7]); got != want {
				t.Errorf("%s is %s, in the notes %s", c.Title, want, got)
			}
			if how := strings.Split(strings.TrimSpace(cells[1]), "; "); how[0] != fmt.Sprint(c.NumFewshot) {
				t.Errorf("%s has %d examples, in the notes %s", c.Title, c.NumFewshot, how[0])
			}
		}
	}
	if compared != len(large.Titles()) {
		t.Errorf("%d columns are in the notes, want %d", compared, len(large.Titles()))
	}
}

// values are a source's in the order of the columns, as the notes have them; "" for none.
func (t *Table) values(m *Model, source string) string {
	var parts []string
	for _, c := range t.Columns {
		if v, ok := m.Published[source][c.Title]; ok && c.Unit != Perplexity {
			parts = append(parts, fmt.Sprintf("%.1f", v))
		}
	}
	return strings.Join(parts, " | ")
}
