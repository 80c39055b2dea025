package tasks

import (
	"regexp"
	"strings"

	"trit/eval"
)

// HumanEval of answers in Markdown, as models write them that were trained for chats. These
// are no tasks of the harness. The questions, prompts and tests are the same. An answer ends where the
// model ends it, since the stop strings of the strict task stand in most of such answers before the code.
var (
	humanEvalFenced     = fencedTask(humanEval)
	humanEvalPlusFenced = fencedTask(humanEvalPlus)
)

func fencedTask(t eval.Task) eval.Task {
	strict := t.Answers.Until
	t.Name, t.Version = t.Name+"_fenced", 1
	t.About += "; code is taken out of fences"
	t.Answers.Until, t.Answers.Remark = nil, nil
	t.Answers.Filters = []eval.Filter{{
		Name: "fenced-code",
		Find: func(q *eval.Question, text string) (string, bool) { return fencedProgram(q, text, strict) },
	}}
	return t
}

// inFence is what Answers.Remark says of the strict task's answers.
func inFence(text string) string {
	if fence.MatchString(text) {
		return "have a code fence, which is no Python: tasks whose name ends with _fenced read those"
	}
	return ""
}

// fencedProgram makes a program of an answer with blocks of code in fences: of the first block
// that defines the function of the question, or else of the first one. A block is a whole
// function or a body of one. An answer without a fence is the body, up to the stop strings of the
// strict task.
func fencedProgram(q *eval.Question, text string, strict []string) (program string, found bool) {
	head := q.Contexts[0]
	definition := regexp.MustCompile(`(?m)^(?:async +)?def +` + regexp.QuoteMeta(entryPoint(q)) + ` *\(`)
	blocks := fencedBlocks(text)
	if len(blocks) == 0 {
		for _, stop := range strict {
			text, _, _ = strings.Cut(text, stop)
		}
		return head + text, false
	}
	for _, b := range blocks {
		if definition.MatchString(b) {
			// The head has imports and helpers that the block may lack. Its own function gets a body,
			// and the block defines it anew.
			return strings.TrimRight(head, " \n") + "\n    pass\n\n" + b, true
		}
	}
	return strings.TrimRight(head, " \n") + "\n" + indented(blocks[0]), true
}

// entryPoint is the function that the tests call, the last word of the question's target.
func entryPoint(q *eval.Question) string {
	i := strings.LastIndex(q.Target, "check(")
	return strings.TrimSuffix(q.Target[i+len("check("):], ")")
}

// indented is a block whose lines all lie in a function.
func indented(block string) string {
	lines := strings.Split(block, "\n")
	for _, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			return block
		}
		break
	}
	for i, l := range lines {
		if strings.TrimSpace(l) != "" {
			lines[i] = "    " + l
		}
	}
	return strings.Join(lines, "\n")
}

// fence is a line that begins a block of code: its indentation, its marks, and a language.
var fence = regexp.MustCompile("(?m)^( {0,3}|\t)(`{3,}|~{3,})[^\n`]*$")

// fencedBlocks are the blocks of a Markdown text. A block that no fence ends goes to the end.
func fencedBlocks(text string) (blocks []string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for {
		at := fence.FindStringSubmatchIndex(text)
		if at == nil {
			return blocks
		}
		mark, after := text[at[4]:at[5]], text[at[1]:]
		end := regexp.MustCompile(`(?m)^[ \t]*` + regexp.QuoteMeta(mark) + mark[:1] + `*[ \t]*$`).FindStringIndex(after)
		if end == nil {
			return append(blocks, strings.TrimPrefix(after, "\n"))
		}
		blocks = append(blocks, strings.TrimPrefix(after[:end[0]], "\n"))
		text = after[end[1]:]
	}
}
