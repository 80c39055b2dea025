package bbh_test

import (
	"fmt"

	"trit/eval"
	"trit/eval/tasks/bbh"
)

func ExampleTasks() {
	all := bbh.Tasks()
	q, err := all[0].Question(eval.Document{{Name: "input", Value: "not True is"}, {Name: "target", Value: "False"}})
	fmt.Println(len(all), all[0].Name, err)
	for _, f := range all[0].Answers.Filters {
		fmt.Printf("%s: %q\n", f.Name, f.Apply(&q, "It is False."))
	}
	// Output:
	// 54 bbh_zeroshot_boolean_expressions <nil>
	// strict-match: "It is False."
	// flexible-extract: "False"
}
