package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// sampleRow is a document of a sample in the published columns of its set.
type sampleRow = map[string]any

// sampleLines are n rows as JSON lines.
func sampleLines(t *testing.T, n int, make func(i int) sampleRow) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		line, err := json.Marshal(make(i))
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// animals, and what each does: the right answer of question i is number i%4.
var (
	animals = []string{"fox", "cat", "dog", "owl", "bee", "cow", "hen"}
	deeds   = []string{"sleeps", "runs", "eats", "sings"}
)

func asked(i int) string {
	return fmt.Sprintf("What does the %s number %d do?", animals[i%len(animals)], i)
}

func letters() []string { return []string{"A", "B", "C", "D"} }

func letteredRow(i int) sampleRow {
	return sampleRow{
		"id": fmt.Sprint(i), "question": asked(i), "question_stem": asked(i), "question_concept": animals[i%len(animals)],
		"choices": sampleRow{"text": deeds, "label": letters()}, "answerKey": letters()[i%4],
	}
}

// sampleSets are the sets of the table 2b-4t with n documents each, by their repositories and files, in
// the columns of the Hub.
func sampleSets(t *testing.T, n int) map[string]map[string]string {
	t.Helper()
	one := func(path string, make func(i int) sampleRow) map[string]string {
		return map[string]string{path + "-00000-of-00001.jsonl": sampleLines(t, n, make)}
	}
	both := func(a, b map[string]string) map[string]string {
		for path, text := range b {
			a[path] = text
		}
		return a
	}
	shots := func(a, b string, make func(i int) sampleRow) map[string]string {
		return both(one(a, make), one(b, func(i int) sampleRow { return make(i + n) }))
	}
	return map[string]map[string]string{
		"datasets/allenai/ai2_arc":    both(one("ARC-Easy/test", letteredRow), one("ARC-Challenge/test", letteredRow)),
		"datasets/allenai/openbookqa": one("main/test", letteredRow),
		"datasets/tau/commonsense_qa": shots("data/train", "data/validation", fiveChoicesRow),
		"datasets/aps/super_glue":     one("boolq/validation", func(i int) sampleRow { return sampleRow{"passage": asked(i), "question": "is it so", "label": i % 2} }),
		"datasets/Rowan/hellaswag":    one("data/validation", endingRow),
		"datasets/baber/piqa": one("data/validation", func(i int) sampleRow {
			return sampleRow{"goal": asked(i), "sol1": deeds[0], "sol2": deeds[1], "label": i % 2}
		}),
		"datasets/allenai/winogrande":     one("winogrande_xl/validation", fittingRow),
		"datasets/truthfulqa/truthful_qa": one("multiple_choice/validation", truthfulRow),
		"datasets/mandarjoshi/trivia_qa":  shots("rc.nocontext/train", "rc.nocontext/validation", triviaRow),
		"datasets/cais/mmlu":              subjectSets(t, n),
		"datasets/evalplus/humanevalplus": one("data/test", programRow),
		"datasets/openai/gsm8k":           shots("main/train", "main/test", sumRow),
		"datasets/HuggingFaceH4/MATH-500": one("test", func(i int) sampleRow {
			return sampleRow{"problem": fmt.Sprintf("What is %d plus 1?", i), "solution": fmt.Sprintf("It is $\\boxed{%d}$.", i+1), "answer": fmt.Sprint(i + 1)}
		}),
		"datasets/google/IFEval":      one("data/train", instructionRow),
		"datasets/lighteval/mt-bench": one("data/train", talkRow),
	}
}

func fiveChoicesRow(i int) sampleRow {
	r := letteredRow(i)
	r["choices"] = sampleRow{"text": append([]string{"swims"}, deeds...), "label": append(letters(), "E")}
	return r
}

func endingRow(i int) sampleRow {
	return sampleRow{
		"ind": i, "activity_label": "Walking", "ctx_a": asked(i), "ctx_b": "it", "ctx": asked(i) + " it", "endings": deeds, "label": fmt.Sprint(i % 4),
	}
}

func fittingRow(i int) sampleRow {
	return sampleRow{"sentence": fmt.Sprintf("The fox saw the cat %d times, and _ ran away.", i), "option1": "the fox", "option2": "the cat", "answer": fmt.Sprint(1 + i%2)}
}

func truthfulRow(i int) sampleRow {
	return sampleRow{
		"question": asked(i), "mc1_targets": sampleRow{"choices": deeds, "labels": []int{1, 0, 0, 0}},
		"mc2_targets": sampleRow{"choices": deeds, "labels": []int{1, 1, 0, 0}},
	}
}

func triviaRow(i int) sampleRow {
	return sampleRow{
		"question": asked(i), "question_id": fmt.Sprint(i), "question_source": "", "entity_pages": sampleRow{}, "search_results": sampleRow{},
		"answer": sampleRow{
			"aliases": []string{deeds[i%4], "it " + deeds[i%4]}, "normalized_aliases": []string{deeds[i%4]}, "value": deeds[i%4],
			"normalized_value": deeds[i%4], "matched_wiki_entity_name": "", "normalized_matched_wiki_entity_name": "", "type": "Other",
		},
	}
}

func programRow(i int) sampleRow {
	return sampleRow{
		"task_id": fmt.Sprintf("HumanEval/%d", i), "prompt": fmt.Sprintf("def add(a):\n    \"\"\"Add %d.\"\"\"\n", i), "canonical_solution": fmt.Sprintf("    return a + %d\n", i),
		"entry_point": "add", "test": fmt.Sprintf("def check(f):\n    assert f(1) == %d\n", i+1),
	}
}

func sumRow(i int) sampleRow {
	return sampleRow{"question": fmt.Sprintf("What is %d plus 2?", i), "answer": fmt.Sprintf("It is %d.\n#### %d", i+2, i+2)}
}

func instructionRow(i int) sampleRow {
	return sampleRow{"key": i, "prompt": asked(i) + " Use no commas.", "instruction_id_list": []string{"punctuation:no_comma"}, "kwargs": []sampleRow{{}}}
}

func talkRow(i int) sampleRow {
	category := []string{"writing", "math", "stem", "coding"}[i%4]
	r := sampleRow{"question_id": 81 + i, "category": category, "turns": []string{asked(i), "Why does it?"}, "reference": []string{}}
	if category == "math" {
		r["reference"] = []string{"It " + deeds[i%4] + ".", "It wants to."}
	}
	return r
}

// subjectSets are the sets of all subjects of MMLU, with five examples and n questions each.
func subjectSets(t *testing.T, n int) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, s := range mmluSubjects {
		question := func(i int) sampleRow { // short, so that five fit into a small context
			return sampleRow{"question": fmt.Sprintf("%s %d?", animals[i%len(animals)], i), "subject": s, "choices": []string{"w", "x", "y", "z"}, "answer": i % 4}
		}
		files[s+"/test-00000-of-00001.jsonl"] = sampleLines(t, n, question)
		files[s+"/dev-00000-of-00001.jsonl"] = sampleLines(t, 5, func(i int) sampleRow { return question(i + n) })
	}
	return files
}

var mmluSubjects = strings.Fields(`abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology college_chemistry
college_computer_science college_mathematics college_medicine college_physics computer_security conceptual_physics econometrics
electrical_engineering elementary_mathematics formal_logic global_facts high_school_biology high_school_chemistry
high_school_computer_science high_school_european_history high_school_geography high_school_government_and_politics
high_school_macroeconomics high_school_mathematics high_school_microeconomics high_school_physics high_school_psychology
high_school_statistics high_school_us_history high_school_world_history human_aging human_sexuality international_law jurisprudence
logical_fallacies machine_learning management marketing medical_genetics miscellaneous moral_disputes moral_scenarios nutrition philosophy
prehistory professional_accounting professional_law professional_medicine professional_psychology public_relations security_studies
sociology us_foreign_policy virology world_religions`)
