package jinja

import (
	"regexp"
	"strings"
	"testing"
)

// harnessDialect is the dialect of lm-evaluation-harness, with Go's regular expressions.
var harnessDialect = Dialect{Plain: true, RegexReplace: func(text, pattern, repl string, count int) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	repl = strings.NewReplacer(`\1`, "${1}", `\2`, "${2}").Replace(repl)
	done := 0
	return re.ReplaceAllStringFunc(text, func(match string) string {
		if done++; count > 0 && done > count {
			return match
		}
		return re.ReplaceAllString(match, repl)
	}), nil
}}

// TestPlainVectors compares with what jinja2 renders for lm-evaluation-harness. testdata says how the
// file was made.
func TestPlainVectors(t *testing.T) { checkVectors(t, harnessDialect, "testdata/plain.json") }
