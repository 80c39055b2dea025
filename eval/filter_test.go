package eval

import (
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"

	"trit/eval/internal/python"
)

// A search that goes back without end finds no answer: the matches before it are not all.
func TestSlowSearchFindsNothing(t *testing.T) {
	f := RegexFilter{Name: "f", Regex: `\d|(a|aa)+$`, Pick: -1}
	re, err := python.Compile(f.Regex)
	if err != nil {
		t.Fatal(err)
	}
	re.MatchTimeout = time.Millisecond
	if answer, found := f.find(re, NoAnswer, "7 "+strings.Repeat("a", 60)+"b"); answer != NoAnswer || found {
		t.Errorf("found %q, %v", answer, found)
	}
	m := StringMatch{}
	if _, err := m.bare([]*regexp2.Regexp{re}, strings.Repeat("a", 60)+"b"); err == nil || !strings.Contains(err.Error(), "takes more than") {
		t.Errorf("a comparison: %v", err)
	}
}
