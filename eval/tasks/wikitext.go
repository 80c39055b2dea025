package tasks

import (
	"regexp"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// wikiText is WikiText-2, test split, by whole articles. Words and bytes are counted before
// the text is detokenized, as the harness does.
var wikiText = eval.Task{
	Name: "wikitext", About: "WikiText-2: perplexity of whole articles", Kind: eval.Rolling, Version: 2,
	Test: eval.Source{
		Files: []string{"wiki.test.raw", "wikitext_test.jsonl"}, Columns: []string{"page"},
		Hub: "EleutherAI/wikitext_document_level", Config: "wikitext-2-raw-v1", Split: "test",
		HubColumns: []string{"page"}, Rows: 62,
		Parse: wikiPages,
	},
	Ask: func(f *eval.Fields) eval.Question {
		page := f.Text("page")
		return eval.Question{Text: joinWikiText(page), Words: python.CountWords(page), Bytes: len(page)}
	},
	Metrics: []eval.Metric{eval.WordPerplexity, eval.BytePerplexity, eval.BitsPerByte},
}

// wikiPages cuts the text of WikiText at the headings of articles, "= Title =".
func wikiPages(text string) []eval.Document {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var pages []eval.Document
	var lines []string
	end := func() {
		pages = append(pages, eval.Document{{Name: "page", Value: strings.Join(lines, "\n")}})
	}
	for line := range strings.SplitSeq(text, "\n") {
		heading := python.Strip(strings.ReplaceAll(strings.ReplaceAll(line, "= = =", "==="), "= =", "=="))
		if strings.HasPrefix(heading, "= ") && strings.HasSuffix(heading, " =") {
			if python.Strip(strings.Join(lines, "")) != "" {
				end()
			}
			lines = nil
		}
		lines = append(lines, line)
	}
	end()
	return pages
}

// rewrite is one step of detokenizing a text: a replacement of pattern, or of old if pattern is
// nil.
type rewrite struct {
	pattern  *regexp.Regexp
	old, new string
}

// inside removes the spaces at the ends of the text between two marks.
func inside(open, notClose, end, with string) rewrite {
	const spaces = "[" + python.SpaceClass + "]*"
	return rewrite{pattern: regexp.MustCompile(open + spaces + "(" + notClose + "*?)" + spaces + end), new: with}
}

// wikiRewrites are the rewrites of the harness's wikitext task, in its order.
var wikiRewrites = []rewrite{
	{old: "s '", new: "s'"}, {pattern: regexp.MustCompile("/' [0-9]/"), new: "/'[0-9]/"},
	{old: " @-@ ", new: "-"}, {old: " @,@ ", new: ","}, {old: " @.@ ", new: "."},
	{old: " : ", new: ": "}, {old: " ; ", new: "; "}, {old: " . ", new: ". "}, {old: " ! ", new: "! "},
	{old: " ? ", new: "? "}, {old: " , ", new: ", "},
	inside(`\(`, `[^)]`, `\)`, "($1)"), inside(`\[`, `[^\]]`, `\]`, "[$1]"), inside(`\{`, `[^}]`, `\}`, "{$1}"),
	inside(`"`, `[^"]`, `"`, `"$1"`), inside(`'`, `[^']`, `'`, `'$1'`),
	{old: "= = = =", new: "===="}, {old: "= = =", new: "==="}, {old: "= =", new: "=="},
	{old: " ° ", new: "°"}, {old: " \n", new: "\n"}, {old: "\n ", new: "\n"}, {old: " N ", new: " 1 "},
	{old: " 's", new: "'s"},
}

func joinWikiText(page string) string {
	for _, r := range wikiRewrites {
		if r.pattern != nil {
			page = r.pattern.ReplaceAllString(page, r.new)
		} else {
			page = strings.ReplaceAll(page, r.old, r.new)
		}
	}
	return page
}
