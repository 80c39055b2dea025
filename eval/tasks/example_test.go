package tasks_test

import (
	"fmt"

	"trit/eval/tasks"
)

func ExampleNames() {
	fmt.Println(tasks.Names())
	// Output: [bits_per_byte arc_easy arc_challenge boolq winogrande hellaswag piqa openbookqa gsm8k gsm8k_cot math500 humaneval humaneval_plus wikitext]
}
