package perplexity

import (
	"strings"

	"trit/eval"
)

// set is a set of texts.
type set struct {
	source eval.Source
	field  string // of a document, with its text
	lines  bool   // documents are lines, which a file writes one after the other
}

var (
	wikiText = set{field: "text", lines: true, source: eval.Source{
		Files: []string{"wiki.test.raw"}, Columns: []string{"text"}, Parse: lines,
		Hub: "Salesforce/wikitext", Config: "wikitext-2-raw-v1", Split: "test", HubColumns: []string{"text"},
	}}
	ptb = set{field: "sentence", source: eval.Source{
		Files: []string{"ptb.test.jsonl"}, Columns: []string{"sentence"},
		Hub: "ptb-text-only/ptb_text_only", Config: "penn_treebank", Split: "test", HubColumns: []string{"sentence"}, Rows: 3761,
	}}
	// The first of eight files, as eval_ppl has it.
	c4 = set{field: "text", source: eval.Source{
		Files: []string{"c4-validation.00000-of-00008.json.gz"}, Columns: []string{"text"},
		Hub: "allenai/c4", Config: "en", Split: "c4-validation.00000-of-00008", HubColumns: []string{"text"},
	}}
)

// lines makes a document of each line of a file, with its end, as the set on the Hub has them: empty but
// for spaces, a line is "".
func lines(text string) (docs []eval.Document) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		if strings.TrimSpace(line) == "" {
			line = ""
		}
		docs = append(docs, eval.Document{{Name: "text", Value: line}})
	}
	return docs
}

// texts are the texts of documents that are not empty, or all lines as one text, as they stand in the file.
func (s *set) texts(docs []eval.Document, whole bool) (texts []string, err error) {
	for _, d := range docs {
		f := eval.NewFields(d)
		text := f.Text(s.field)
		if f.Err() != nil {
			return nil, f.Err()
		}
		switch {
		case whole && text == "":
			text = " \n"
		case s.lines && !whole:
			text = strings.TrimSuffix(text, "\n")
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	if whole {
		texts = []string{strings.Join(texts, "")}
	}
	return texts, nil
}
