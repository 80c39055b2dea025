package mtbench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// promptFile is a file of prompts with an edit; line n is that of name n.
func promptFile(t *testing.T, edit func(lines []string) []string) string {
	t.Helper()
	var lines []string
	for turn, names := range promptNames {
		for i, name := range names {
			fields := strings.Join(promptFields[turn][i], "} {")
			lines = append(lines, fmt.Sprintf(
				`{"name": %q, "type": "single", "system_prompt": "S%d", "prompt_template": "{{%s}} {%s}", "description": "d", "category": "c", "output_format": "[[rating]]"}`,
				name, turn, name, fields))
		}
	}
	lines = append(lines, `{"name": "pair-v2", "type": "pairwise", "output_format": "[[A]]"}`, "")
	path := filepath.Join(t.TempDir(), "judge_prompts.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(edit(lines), "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadPrompts(t *testing.T) {
	p, err := ReadPrompts(promptFile(t, func(lines []string) []string { return lines }))
	if err != nil || !strings.HasPrefix(p.Name, "judge_prompts.jsonl (sha256 ") || len(p.texts) != 4 {
		t.Fatalf("%v: %+v", err, p)
	}
	q := &Question{Turns: []string{"Q1 {answer}", "Q2"}, Reference: []string{"R1", "R2"}}
	name, system, user := p.ask(q, []string{"A1", "A2"}, 1)
	if want := "single-math-v1-multi-turn S1 {single-math-v1-multi-turn} Q1 {answer} Q2 A1 A2 R1 R2"; name+" "+system+" "+user != want {
		t.Errorf("%s %s %s, want %s", name, system, user, want)
	}
	q.Reference = nil
	if _, _, user := p.ask(q, []string{"A1", "A2"}, 0); user != "{single-v1} Q1 {answer} A1" {
		t.Errorf("%q", user)
	}
}

func TestPromptsThatAreRefused(t *testing.T) {
	for want, edit := range map[string]func([]string) []string{
		`there is no prompt "single-v1"`:    func(l []string) []string { return l[1:] },
		`:2: `:                              func(l []string) []string { l[1] = "{"; return l },
		`"{answers}" is none of {question}`: func(l []string) []string { l[0] = strings.Replace(l[0], "{answer}", "{answers}", 1); return l },
		"{ref_answer_1} is missing: it has [answer question]": func(l []string) []string { l[1] = strings.Replace(l[1], "{ref_answer_1}", "", 1); return l },
		`"{" is none of`: func(l []string) []string { l[0] = strings.Replace(l[0], "{answer}", "{answer} {", 1); return l },
		`type "pairwise"`: func(l []string) []string {
			l[2] = strings.Replace(l[2], "single", "pairwise", 2)
			l[2] = strings.Replace(l[2], "pairwise-v1", "single-v1", 1)
			return l
		},
		`output_format "[[A]]": want single and [[rating]]`: func(l []string) []string { l[3] = strings.Replace(l[3], "[[rating]]", "[[A]]", 1); return l },
	} {
		if _, err := ReadPrompts(promptFile(t, edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, maxPrompts+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPrompts(big); err == nil {
		t.Error("a file that is too large is read")
	}
}

// The prompts of our own pass the check of files.
func TestDefaultPrompts(t *testing.T) {
	p := DefaultPrompts()
	if err := p.check(); err != nil || p.Name != "trit's own" {
		t.Errorf("%v: %s", err, p.Name)
	}
	for name, text := range p.texts {
		if rating(text.System) != 7 || strings.Contains(text.System, "%!") {
			t.Errorf("%s: %s", name, text.System)
		}
	}
}

// A prompt that is accepted holds each field where it was written, and nothing in braces is left of
// what str.format replaces.
func FuzzPrompt(f *testing.F) {
	for _, s := range []string{"{question}{answer}", "{{x}} {question} {answer} }}", "{", "{question!r}", "{question} {answer} {answer}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, template string) {
		p := promptText{Type: "single", Output: ratingFormat, Template: template}
		if p.check(promptFields[0][0]) != nil {
			return
		}
		got := fill(template, map[string]string{"question": "Q", "answer": "A"})
		plain := strings.NewReplacer("{{", "{", "}}", "}", "{question}", "Q", "{answer}", "A").Replace(template)
		if got != plain {
			t.Errorf("%q: %q, want %q", template, got, plain)
		}
	})
}
