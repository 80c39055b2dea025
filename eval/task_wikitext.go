package eval

import (
	"regexp"
	"strings"
)

// wikiText is WikiText-2, test split, by whole articles. Words and bytes are counted
// before the text is put back together, as the harness does.
var wikiText = &Task{
	Name: "wikitext", About: "WikiText-2: perplexity of whole articles", Kind: Rolling, Version: 2,
	Test: Source{
		Files: []string{"wiki.test.raw", "wikitext_test.jsonl"}, Columns: []string{"page"},
		Hub: "EleutherAI/wikitext_document_level", Config: "wikitext-2-raw-v1", Split: "test", HubColumns: []string{"page"}, Rows: 62,
		read: wikiPages,
	},
	Ask: func(r *reader) Question {
		page := r.text("page")
		return Question{Text: joinWikiText(page), Words: countWords(page), Bytes: len(page)}
	},
	Metrics: []string{"word_perplexity", "byte_perplexity", "bits_per_byte"},
}

// wikiPages cuts the text of WikiText at the headings of articles, "= Title =".
func wikiPages(text string) []Document {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var pages []Document
	var lines []string
	end := func() { pages = append(pages, Document{{Name: "page", Value: strings.Join(lines, "\n")}}) }
	for line := range strings.SplitSeq(text, "\n") {
		heading := pyStrip(strings.ReplaceAll(strings.ReplaceAll(line, "= = =", "==="), "= =", "=="))
		if strings.HasPrefix(heading, "= ") && strings.HasSuffix(heading, " =") {
			if pyStrip(strings.Join(lines, "")) != "" {
				end()
			}
			lines = nil
		}
		lines = append(lines, line)
	}
	end()
	return pages
}

// rewrite is one step of putting a tokenised text back together: a plain replacement
// where pattern is nil.
type rewrite struct {
	pattern  *regexp.Regexp
	old, new string
}

// inside takes the blanks off what stands between two marks.
func inside(open, notClose, end, with string) rewrite {
	const blanks = "[" + pySpaceClass + "]*"
	return rewrite{pattern: regexp.MustCompile(open + blanks + "(" + notClose + "*?)" + blanks + end), new: with}
}

// wikiRewrites are those of the harness's wikitext task, in its order.
var wikiRewrites = []rewrite{
	{old: "s '", new: "s'"}, {pattern: regexp.MustCompile("/' [0-9]/"), new: "/'[0-9]/"},
	{old: " @-@ ", new: "-"}, {old: " @,@ ", new: ","}, {old: " @.@ ", new: "."},
	{old: " : ", new: ": "}, {old: " ; ", new: "; "}, {old: " . ", new: ". "}, {old: " ! ", new: "! "}, {old: " ? ", new: "? "}, {old: " , ", new: ", "},
	inside(`\(`, `[^)]`, `\)`, "($1)"), inside(`\[`, `[^\]]`, `\]`, "[$1]"), inside(`\{`, `[^}]`, `\}`, "{$1}"),
	inside(`"`, `[^"]`, `"`, `"$1"`), inside(`'`, `[^']`, `'`, `'$1'`),
	{old: "= = = =", new: "===="}, {old: "= = =", new: "==="}, {old: "= =", new: "=="},
	{old: " ° ", new: "°"}, {old: " \n", new: "\n"}, {old: "\n ", new: "\n"}, {old: " N ", new: " 1 "}, {old: " 's", new: "'s"},
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
