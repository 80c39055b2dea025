package suites_test

import (
	"fmt"
	"strings"
	"testing"

	"trit/eval/suites"
)

func ExampleFind() {
	found, notes, err := suites.Find("paper-bonsai")
	if err != nil {
		panic(err)
	}
	fmt.Println(suites.Columns(found), notes)
	// Output:
	// [arc_challenge arc_easy hellaswag openbookqa piqa winogrande] [paper-bonsai is without MMLU: it is lighteval's cloze form of MMLU, which is no task here]
}

func TestASuiteAsksAsItsPaper(t *testing.T) {
	found, _, err := suites.Find("paper-2b4t", "arc_easy")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, task := range found {
		if seen[task.Name]++; task.Name == "gsm8k" && (task.Fewshot.Count != 4 || !task.Chat || task.Note != "chat") {
			t.Errorf("gsm8k: %d examples, chat %v, %q", task.Fewshot.Count, task.Chat, task.Note)
		}
		if task.Name == "arc_challenge" && (task.Fewshot.Count != 0 || task.Chat) {
			t.Errorf("arc_challenge: %d examples, chat %v", task.Fewshot.Count, task.Chat)
		}
	}
	for _, name := range []string{"arc_easy", "arc_challenge", "gsm8k", "math500", "humaneval_plus"} {
		if seen[name] != 1 {
			t.Errorf("%s is there %d times", name, seen[name])
		}
	}
}

func TestSuitesThatThereAreNot(t *testing.T) {
	for name, want := range map[string]string{
		"paper-none": `there is no suite "paper-none"`, "paper-2b4t,gsm8k": "paper-2b4t asks gsm8k with 4 examples in the chat template",
		"arc_esay": `did you mean "arc_easy"?`,
	} {
		if _, _, err := suites.Find(strings.Split(name, ",")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
}

func TestAllSuitesAreFound(t *testing.T) {
	for _, name := range suites.Names() {
		found, notes, err := suites.Find(name)
		if err != nil || len(found)+len(notes) == 0 {
			t.Errorf("%s: %d tasks, %v", name, len(found), err)
		}
	}
}
