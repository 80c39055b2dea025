package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// mmluArea is a part of MMLU and the subjects in it.
type mmluArea struct {
	name, title string
	subjects    []mmluSubject
}

// mmluSubject is a subject of MMLU and the number of its questions.
type mmluSubject struct {
	name string
	rows int
}

// mmluAreas are the areas and the subjects in the order of the harness's tables.
var mmluAreas = []mmluArea{
	{"humanities", "humanities", []mmluSubject{
		{"formal_logic", 126}, {"high_school_european_history", 165}, {"high_school_us_history", 204},
		{"high_school_world_history", 237}, {"international_law", 121}, {"jurisprudence", 108}, {"logical_fallacies", 163},
		{"moral_disputes", 346}, {"moral_scenarios", 895}, {"philosophy", 311}, {"prehistory", 324},
		{"professional_law", 1534}, {"world_religions", 171},
	}},
	{"other", "other", []mmluSubject{
		{"business_ethics", 100}, {"clinical_knowledge", 265}, {"college_medicine", 173}, {"global_facts", 100},
		{"human_aging", 223}, {"management", 103}, {"marketing", 234}, {"medical_genetics", 100}, {"miscellaneous", 783},
		{"nutrition", 306}, {"professional_accounting", 282}, {"professional_medicine", 272}, {"virology", 166},
	}},
	{"social_sciences", "social sciences", []mmluSubject{
		{"econometrics", 114}, {"high_school_geography", 198}, {"high_school_government_and_politics", 193},
		{"high_school_macroeconomics", 390}, {"high_school_microeconomics", 238}, {"high_school_psychology", 545},
		{"human_sexuality", 131}, {"professional_psychology", 612}, {"public_relations", 110}, {"security_studies", 245},
		{"sociology", 201}, {"us_foreign_policy", 100},
	}},
	{"stem", "stem", []mmluSubject{
		{"abstract_algebra", 100}, {"anatomy", 135}, {"astronomy", 152}, {"college_biology", 144},
		{"college_chemistry", 100}, {"college_computer_science", 100}, {"college_mathematics", 100},
		{"college_physics", 102}, {"computer_security", 100}, {"conceptual_physics", 235},
		{"electrical_engineering", 145}, {"elementary_mathematics", 378}, {"high_school_biology", 310},
		{"high_school_chemistry", 203}, {"high_school_computer_science", 100}, {"high_school_mathematics", 270},
		{"high_school_physics", 151}, {"high_school_statistics", 216}, {"machine_learning", 112},
	}},
}

// mmluShots are the examples before each question. The harness's files set no number, and papers ask
// with 5.
const mmluShots = 5

// mmlu returns the 57 subjects of MMLU, in the groups of their areas.
func mmlu() (tasks []eval.Task) {
	all := mmluGroup("mmlu", "", "MMLU: questions of 57 subjects, of school and of professions")
	for _, area := range mmluAreas {
		group := mmluGroup("mmlu_"+area.name, area.title, "MMLU, "+area.title)
		for _, subject := range area.subjects {
			t := subject.task()
			t.Groups = []*eval.Group{all, group}
			tasks = append(tasks, t)
		}
	}
	return tasks
}

func mmluGroup(name, alias, about string) *eval.Group {
	metrics := []eval.GroupMetric{{Metric: eval.Acc}}
	return &eval.Group{Name: name, Alias: alias, About: about, Version: "2", Metrics: metrics}
}

func (s mmluSubject) task() eval.Task {
	topic := strings.ReplaceAll(s.name, "_", " ")
	return eval.Task{
		Name: "mmlu_" + s.name, Alias: s.name, About: "MMLU, " + topic, Kind: eval.MultipleChoice, Version: 1,
		Description: "The following are multiple choice questions (with answers) about " + topic + ".\n\n",
		Test:        s.source("test", s.rows),
		Fewshot:     eval.Fewshot{Count: mmluShots, First: true, From: s.source("dev", 5)},
		Ask:         askMMLU, Cluster: mmluPassage, Metrics: []eval.Metric{eval.Acc},
	}
}

func (s mmluSubject) source(split string, rows int) eval.Source {
	columns := []string{"question", "choices", "answer"}
	return eval.Source{
		Files: []string{"mmlu_" + s.name + "_" + split + ".jsonl"}, Columns: columns,
		Hub: "cais/mmlu", Config: s.name, Split: split, HubColumns: columns, Rows: rows,
	}
}

// mmluPassage is the passage of a question about one, as history has them: all lines but the last, which asks.
func mmluPassage(f *eval.Fields) string {
	text := python.Strip(f.Text("question"))
	if !strings.HasPrefix(text, "This question refers to the following information") {
		return ""
	}
	return text[:max(strings.LastIndex(text, "\n"), 0)]
}

// askMMLU shows the choices with letters. The answer is a letter.
func askMMLU(f *eval.Fields) eval.Question {
	letters := []string{"A", "B", "C", "D"}
	choices := f.Texts("choices")
	if len(choices) != len(letters) {
		f.Failf("field \"choices\" has %d texts: want %d", len(choices), len(letters))
	}
	text := python.Strip(f.Text("question")) + "\n"
	for i, c := range choices {
		text += letters[i%len(letters)] + ". " + c + "\n"
	}
	return eval.Question{Contexts: []string{text + "Answer:"}, Choices: letters, Gold: f.Index("answer", len(letters))}
}
