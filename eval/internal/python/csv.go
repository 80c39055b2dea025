package python

import (
	"fmt"
	"slices"
	"strings"
)

// missing are the texts that stand for no value in a CSV file. Source: the documentation of pandas.read_csv.
var missing = []string{
	"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
	"NaN", "None", "n/a", "nan", "null",
}

// CSV reads rows as pandas.read_csv does, with the names of columns in the first row, but leaves numbers as
// texts. Values are texts, nil where there is none, and all rows are as long as the first.
func CSV(text string) (rows [][]any, err error) {
	for text = strings.TrimPrefix(text, "\ufeff"); text != ""; {
		var fields []string
		if fields, text, err = csvRow(text); err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
		if len(fields) == 1 && fields[0] == "" {
			continue
		}
		if len(rows) > 0 && len(fields) > len(rows[0]) {
			return nil, fmt.Errorf("row %d has %d fields: the first has %d", len(rows)+1, len(fields), len(rows[0]))
		}
		row := make([]any, len(fields))
		if len(rows) > 0 {
			row = make([]any, len(rows[0]))
		}
		for i, s := range fields {
			if len(rows) == 0 || !slices.Contains(missing, s) {
				row[i] = s
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// csvRow splits off a row. A field in quotes may hold commas, line ends as they are, and quotes twice.
func csvRow(text string) (fields []string, rest string, err error) {
	for {
		field := ""
		if strings.HasPrefix(text, `"`) {
			if field, text, err = csvQuoted(text[1:]); err != nil {
				return nil, "", err
			}
		}
		n := strings.IndexAny(text, ",\r\n")
		if n < 0 {
			return append(fields, field+text), "", nil
		}
		fields = append(fields, field+text[:n])
		end := text[n]
		if text = text[n+1:]; end == ',' {
			continue
		}
		if end == '\r' {
			text = strings.TrimPrefix(text, "\n")
		}
		return fields, text, nil
	}
}

// csvQuoted splits off a field behind its first quote.
func csvQuoted(text string) (field, rest string, err error) {
	for {
		before, after, ok := strings.Cut(text, `"`)
		if !ok {
			return "", "", fmt.Errorf("the field %.20q has no quote at its end", text)
		}
		field += before
		if !strings.HasPrefix(after, `"`) {
			return field, after, nil
		}
		field, text = field+`"`, after[1:]
	}
}
