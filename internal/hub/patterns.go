package hub

import (
	"slices"
	"strings"
)

// Patterns choose files by their paths, as huggingface_hub does: '*' is any text, slashes
// included, '?' one character, [abc], [a-z] and [!a] one character of a set; a pattern that
// ends with a slash matches all paths below it. A file is chosen if it matches a pattern of
// Include, or Include is empty, and matches no pattern of Exclude.
//
// Choose, if it is not nil, replaces both: it takes all paths of the repository and returns
// those to fetch. So a choice can depend on the other files.
type Patterns struct {
	Include, Exclude []string
	Choose           func(paths []string) []string
}

// ModelPatterns choose what package convert reads, and what informs a user about the model.
func ModelPatterns() Patterns {
	return Patterns{
		Include: []string{"*.json", "*.safetensors", "tokenizer.model", "*.jinja", "README.md", "LICENSE*"},
		Exclude: []string{"original/", "onnx/", "*.bin", "*.pth", "*.gguf"},
	}
}

// Match reports whether the patterns choose this path.
func (p Patterns) Match(path string) bool {
	matches := func(pattern string) bool { return match(pattern, path) }
	return (len(p.Include) == 0 || slices.ContainsFunc(p.Include, matches)) && !slices.ContainsFunc(p.Exclude, matches)
}

// match is Python's fnmatchcase, after the changes that huggingface_hub makes to a pattern:
// backslashes become slashes, and a folder matches all paths below it.
func match(pattern, path string) bool {
	pattern = strings.ReplaceAll(pattern, `\`, "/")
	if strings.HasSuffix(pattern, "/") {
		pattern += "*"
	}
	return matchRunes(glob(pattern), []rune(path))
}

// token is a part of a pattern: any text, or one character of a set.
type token struct {
	star, negate bool
	ranges       [][2]rune // none and negate: any character
}

func (t token) has(r rune) bool {
	in := slices.ContainsFunc(t.ranges, func(x [2]rune) bool { return x[0] <= r && r <= x[1] })
	return in != t.negate
}

func glob(pattern string) []token {
	var out []token
	for p := []rune(pattern); len(p) > 0; {
		used := 1
		t := token{ranges: [][2]rune{{p[0], p[0]}}}
		switch p[0] {
		case '*':
			t = token{star: true}
		case '?':
			t = token{negate: true}
		case '[':
			if end := setEnd(p); end > 0 {
				t, used = set(p[1:end]), end+1
			}
		}
		out, p = append(out, t), p[used:]
	}
	return out
}

// setEnd returns the position of the bracket that ends the set at the beginning of p, or 0 if
// there is none. The first character of a set may be a bracket.
func setEnd(p []rune) int {
	from := 1
	if from < len(p) && p[from] == '!' {
		from++
	}
	if from < len(p) && p[from] == ']' {
		from++
	}
	if end := slices.Index(p[min(from, len(p)):], ']'); end >= 0 {
		return from + end
	}
	return 0
}

// set reads the characters between brackets. A range such as z-a is empty.
func set(p []rune) token {
	var t token
	if p[0] == '!' {
		t.negate, p = true, p[1:]
	}
	for len(p) > 0 {
		if len(p) > 2 && p[1] == '-' {
			t.ranges, p = append(t.ranges, [2]rune{p[0], p[2]}), p[3:]
			continue
		}
		t.ranges, p = append(t.ranges, [2]rune{p[0], p[0]}), p[1:]
	}
	return t
}

// matchRunes reports whether a text matches a pattern. When a match fails, it goes back to the
// last star alone, so the number of steps is at most the product of both lengths.
func matchRunes(pattern []token, text []rune) bool {
	at, star, resume := 0, -1, 0
	for i := 0; i < len(text); {
		switch {
		case at < len(pattern) && pattern[at].star:
			star, resume = at, i
			at++
		case at < len(pattern) && pattern[at].has(text[i]):
			at, i = at+1, i+1
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at].star {
		at++
	}
	return at == len(pattern)
}
