package guard_test

import (
	"fmt"
	"os"
	"path/filepath"

	"trit/serve/guard"
)

// A filter replaces what must not be seen.
func ExampleReadFilter() {
	dir, err := os.MkdirTemp("", "guard")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "filter.txt")
	if err := os.WriteFile(path, []byte(`both replace \b\d{4}-(\d{4})\b => ****-$1`), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	f, err := guard.ReadFilter(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Input("the card 1234-5678"))
	// Output: the card ****-5678 <nil>
}
