package tasks

import (
	"strings"
	"testing"

	"trit/eval"
)

func TestLastNumberByValue(t *testing.T) {
	for _, c := range []struct {
		answer, target string
		found          string
		right          bool
	}{
		{"so the answer is 18.", "9*2 = 18\n#### 18", "18", true},
		{"She makes $18.00 every day", "#### 18", "18.00", true},
		{"**$1,234.50** in total.", "#### 1,234.5", "1234.50", true},
		{"It costs 1,000 dollars.", "#### 1000", "1000", true},
		{"that is $1{,}000$", "#### 1,000", "1000", true},
		{"20 - 2 = 18 apples", "#### 18", "18", true},
		{"the balance is -$5", "#### -5", "-5", true},
		{"the balance is −5 degrees", "#### -5", "-5", true},
		{"pages 3-5", "#### 5", "5", true},
		{"he ate 1/2", "#### 0.5", "1/2", true},
		{"he ate 2 1/2 cakes", "#### 2.5", "2 1/2", true},
		{`$\frac{3}{4}$ of it`, "#### 0.75", `\frac{3}{4}`, true},
		{`\boxed{42}`, "#### 42", "42", true},
		{"that is 50%", "#### 50", "50", true},
		{"about 2 million people", "#### 2,000,000", "2000000", true},
		{"0.5 thousand", "#### 500", "500", true},
		{"18.5", "#### 18", "18.5", false},
		{"18 and 19", "#### 18", "19", false},
		{"5", "#### -5", "5", false},
		{"10 and 1,2345", "#### 12345", "2345", false},
		{"I do not know", "#### 18", eval.NoAnswer, false},
		{"", "#### 18", eval.NoAnswer, false},
	} {
		q := &eval.Question{Target: c.target}
		found := numberByValue.Apply(q, c.answer)
		v, err := numberByValue.Judge(t.Context(), nil, q, found)
		if found != c.found || err != nil || v.Score == 1 != c.right {
			t.Errorf("%q: %q scores %g (%v), want %q and %v", c.answer, found, v.Score, err, c.found, c.right)
		}
		if _, ok := numberByValue.Find(q, c.answer); ok != (c.found != eval.NoAnswer) {
			t.Errorf("%q: found is %v", c.answer, ok)
		}
	}
}

func TestBoxedByValue(t *testing.T) {
	for _, c := range []struct {
		answer, target string
		right          bool
	}{
		// Where the answer is.
		{`The answer is $\boxed{42}$.`, "42", true},
		{`First \boxed{1}, then \boxed{42}`, "42", true},
		{`First \boxed{42}, then \boxed{1}`, "42", false},
		{`$\boxed 42$ is it`, "42", true},
		{`\fbox{42}`, "42", true},
		{`\boxed{\frac{1}{2}}`, `\frac{1}{2}`, true},
		{`\boxed{\{1, 2\}}`, `\{1,2\}`, true},
		{`\boxed{42`, "42", false},
		{`42`, "42", false},
		{`\boxed{}`, "", false},
		// Numbers.
		{`\boxed{0.5}`, `\frac{1}{2}`, true},
		{`\boxed{1/2}`, `\frac12`, true},
		{`\boxed{\dfrac{3}{6}}`, `\frac{1}{2}`, true},
		{`\boxed{-\frac{1}{2}}`, `-0.5`, true},
		{`\boxed{\frac{-1}{2}}`, `-\frac{1}{2}`, true},
		{`\boxed{2\frac{1}{2}}`, `2.5`, true},
		{`\boxed{2 1/2}`, `\frac{5}{2}`, true},
		{`\boxed{1,000}`, "1000", true},
		{`\boxed{10{,}000}`, `10,\!000`, true},
		{`\boxed{3.0}`, "3", true},
		{`\boxed{007}`, "7", true},
		{`\boxed{010}`, "10", true},
		{`\boxed{2^{10}}`, "1024", true},
		{`\boxed{1.5 \times 10^{3}}`, "1500", true},
		{`\boxed{3\cdot10^{-2}}`, "0.03", true},
		{`\boxed{0.333}`, `\frac{1}{3}`, false},
		{`\boxed{1,2}`, "12", false},
		{`\boxed{\frac{1}{0}}`, `\frac{2}{0}`, false},
		{`\boxed{2^{1000000}}`, "1", false},
		{`\boxed{-5}`, "5", false},
		// Percent and units.
		{`\boxed{50\%}`, "50", true},
		{`\boxed{50\%}`, "0.5", true},
		{`\boxed{0.5}`, `50\%`, true},
		{`\boxed{50 percent}`, `50\%`, true},
		{`\boxed{50}`, "0.5", false},
		{`\boxed{\$5.00}`, "5", true},
		{`\boxed{5\text{ cm}}`, "5", true},
		{`\boxed{5 \, \mathrm{cm}^2}`, "5", true},
		{`\boxed{5 square feet}`, "5", true},
		{`\boxed{5}`, `5\text{ inches}`, true},
		{`\boxed{90^\circ}`, "90", true},
		{`\boxed{90^{\circ}}`, "90", true},
		{`\boxed{12 \text{ miles per hour}}`, "12", true},
		{`\boxed{5x}`, "5", false},
		{`\boxed{5 ab}`, "5", false},
		// Other answers.
		{`\boxed{x = 5}`, "5", true},
		{`\boxed{x=5}`, "x = 5.0", true},
		{`\boxed{f(x) = 5}`, "5", true},
		{`\boxed{(1, 0.5)}`, `\left(1, \frac{1}{2}\right)`, true},
		{`\boxed{(1, 2)}`, "(2,1)", false},
		{`\boxed{(1, 2)}`, "[1,2]", false},
		{`\boxed{[1, 2)}`, "[1,2]", false},
		{`\boxed{1, 2}`, "1,2", true},
		{`\boxed{((1,2), 3)}`, "((1, 2.0), 3)", true},
		{`\boxed{\text{Evelyn}}`, "Evelyn", true},
		{`\boxed{even}`, `\text{Even}`, true},
		{`\boxed{C}`, `\text{(C)}`, true},
		{`\boxed{x^2 + 2x}`, `x^2+2x`, true},
		{`\boxed{2\sqrt{3}}`, `2\sqrt3`, true},
		{`\boxed{X}`, "x", false},
		{`\boxed{6\pi}`, `6 \pi`, true},
		{`\boxed{6\pi}`, `6`, false},
	} {
		q := &eval.Question{Target: c.target}
		found := boxedByValue.Apply(q, c.answer)
		v, err := boxedByValue.Judge(t.Context(), nil, q, found)
		if err != nil || v.Score == 1 != c.right {
			t.Errorf("%q for %q: %q scores %g (%v), want %v", c.answer, c.target, found, v.Score, err, c.right)
		}
	}
}

// What the strict rule takes for equal is equal by value, and equality is symmetric.
func TestValuesAreSymmetric(t *testing.T) {
	answers := []string{"5", "5.0", `5\%`, "0.05", "1/20", `\frac1{20}`, "5 cm", "x", "(5,5)", "5,5", "", "five", `\text{five}`, "5,000", "-5", ","}
	for _, a := range answers {
		for _, b := range answers {
			if sameValue(a, b) != sameValue(b, a) {
				t.Errorf("%q and %q: %v one way only", a, b, sameValue(a, b))
			}
			if mathEqual(a, b) && !sameValue(a, b) {
				t.Errorf("%q and %q are equal by the strict rule", a, b)
			}
		}
	}
}

func TestFencedPrograms(t *testing.T) {
	const head = "from typing import List\n\ndef f(x):\n    \"\"\"Says.\"\"\"\n"
	const body = "from typing import List\n\ndef f(x):\n    \"\"\"Says.\"\"\"\n    return 2"
	const again = head + "    pass\n\n"
	strict := humanEval.Answers.Until
	q := &eval.Question{Contexts: []string{head}, Target: "def check(c): pass\ncheck(f)"}
	for _, c := range []struct {
		name, answer, want string
		found              bool
	}{
		{"a whole function", "Here it is:\n\n```python\ndef f(x):\n    return 2\n```\nIt returns 2.", again + "def f(x):\n    return 2\n", true},
		{"no language", "```\ndef f(x):\n    return 2\n```", again + "def f(x):\n    return 2\n", true},
		{"tildes", "~~~py\ndef f(x):\n    return 2\n~~~", again + "def f(x):\n    return 2\n", true},
		{"no end", "```python\ndef f(x):\n    return 2", again + "def f(x):\n    return 2", true},
		{"carriage returns", "```python\r\ndef f(x):\r\n    return 2\r\n```", again + "def f(x):\n    return 2\n", true},
		{"the block that defines it", "```python\nimport math\n```\n```python\ndef g(): pass\ndef f (x):\n    return 2\n```", again + "def g(): pass\ndef f (x):\n    return 2\n", true},
		{"the first of two", "```\ndef f(x):\n    return 2\n```\n```\ndef f(x):\n    return 3\n```", again + "def f(x):\n    return 2\n", true},
		{"a longer fence", "````\ndef f(x):\n    return '''\n```\n'''\n````", again + "def f(x):\n    return '''\n```\n'''\n", true},
		{"a body", "```python\n    return 2\n```", body + "\n", true},
		{"a body without indentation", "```python\nreturn 2\n```", body + "\n", true},
		{"another name", "```python\ndef ff(x):\n    return 2\n```", head + "    def ff(x):\n        return 2\n", true},
		{"in a list", "1. So:\n   ```python\ndef f(x):\n    return 2\n   ```", again + "def f(x):\n    return 2\n", true},
		{"no fence", "    return 2\n\ndef g(): pass", head + "    return 2\n", false},
		{"inline code", "Use ```f``` well", head + "Use ```f``` well", false},
	} {
		got, found := humanEvalFenced.Answers.Filters[0].Find(q, c.answer)
		if strings.TrimSpace(got) != strings.TrimSpace(c.want) || found != c.found {
			t.Errorf("%s: %q (%v), want %q", c.name, got, found, c.want)
		}
	}
	if _, found := fencedProgram(q, "text", strict); found || inFence("text") != "" || inFence("a\n```\nb") == "" {
		t.Error("text is taken for a fence")
	}
}
