package bbh

import (
	"slices"
	"strconv"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// number finds a number in digits, and else one in English words.
func number(pick int) eval.Filter {
	digits, words := matching("([-0-9]+)")(pick), matching(numberInWords())(pick)
	return eval.Filter{Find: func(q *eval.Question, text string) (string, bool) {
		if s, found := digits.Find(q, text); found {
			return s, true
		}
		if s, found := words.Find(q, python.Lower(text)); found {
			if n, ok := valueOf(s); ok {
				return strconv.Itoa(n), true
			}
		}
		return eval.NoAnswer, false
	}}
}

// numberInWords is the harness's expression for numbers in words. It is not what it should be: a number
// of one word may not be six, seven, eight or nine, and the last word of a longer one neither.
func numberInWords() string {
	const (
		small = "zero|one|two|three|four|five|(?:twen|thir|for|fif|six|seven|nine)"
		large = "|ten|eleven|twelve|fourteen|hundred|thousand|(?:m|b|tr)illion"
		last  = small + "(?:teen|ty)|eight(?:een|y)" + large
	)
	first := "(?:" + small + "(?:teen|ty)|eight(?:|een|y)" + large + ")"
	inside := "(?:" + small + "(?:|teen|ty)|eight(?:een|y)" + large + `|[^\S` + "\r\n]|,|and|&)"
	return "((?:" + first + inside + "+)?(?:" + last + "))"
}

// wordValues are the words that count, as in the library that the harness asks (word2number).
var wordValues = map[string]int{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
	"eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
	"eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9,
}

// valueOf is the value of a number in words as word2number has it. It reports whether there is one: the
// harness ends with an error where there is none, such as in "thousand five" and "trillion".
func valueOf(text string) (sum int, ok bool) {
	var words []string
	for _, w := range strings.FieldsFunc(text, python.Space) {
		if _, known := wordValues[w]; known {
			words = append(words, w)
		}
	}
	if len(words) == 1 {
		return wordValues[words[0]], true
	}
	ends := []int{0} // behind the words of scale
	for _, scale := range []string{"billion", "million", "thousand"} {
		from, at := ends[len(ends)-1], slices.Index(words, scale)
		switch {
		case at < 0:
			continue
		case at <= from || slices.Contains(words[at+1:], scale):
			return 0, false
		}
		sum += formed(words[from:at]) * wordValues[scale]
		ends = append(ends, at+1)
	}
	// What follows the last of these words; where it ends the number, what follows the one before it is
	// counted once more.
	for i, end := range slices.Backward(ends) {
		if end < len(words) && (i > 0 || len(ends) == 1) {
			return sum + formed(words[end:]), true
		}
	}
	return sum, len(ends) > 1
}

// formed is the value of words on their own. Of more than four only the first counts, and of two that
// stand for no hundreds it is the sum, whatever they are.
func formed(words []string) int {
	var n []int
	for _, w := range words {
		n = append(n, wordValues[w])
	}
	switch {
	case len(n) == 4:
		return n[0]*n[1] + n[2] + n[3]
	case len(n) == 3:
		return n[0]*n[1] + n[2]
	case len(n) == 2 && slices.Contains(n, 100):
		return n[0] * n[1]
	case len(n) == 2:
		return n[0] + n[1]
	}
	return n[0]
}
