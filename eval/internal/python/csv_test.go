package python

import (
	"fmt"
	"strings"
	"testing"
)

func TestCSV(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "[]",
		"a,b\n1,x\n":                    "[[a b] [1 x]]",
		"\ufeffa,b\r\n\r\nNA,\" x\"":    "[[a b] [<nil>  x]]",
		"a,b\n\"1,\r\n\"\"2\"\"\",\n":   "[[a b] [1,\r\n\"2\" <nil>]]",
		"a,b\r\"x\"y,z \"w\"\rone\r\n":  "[[a b] [xy z \"w\"] [one <nil>]]",
		"NA,\n\"\",None\n\"None \",nan": "[[NA ] [<nil> <nil>] [None  <nil>]]",
	} {
		if rows, err := CSV(text); err != nil || fmt.Sprint(rows) != want {
			t.Errorf("%q: %v and %v, want %s", text, rows, err, want)
		}
	}
	for text, want := range map[string]string{
		"a,b\n1,2,3\n": "row 2 has 3 fields", "a\n\"b": "row 2: the field \"b\" has no quote",
	} {
		if _, err := CSV(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("a,b\n\"x,\"\"\n\",y\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := CSV(text)
		for _, row := range rows {
			if err != nil || len(row) != len(rows[0]) {
				t.Errorf("%q: %d fields and %v, the first row has %d", text, len(row), err, len(rows[0]))
			}
		}
	})
}
