package watch_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"trit/train/runlog"
	"trit/watch"
)

// The page of a run is one HTML file that needs nothing else.
func Example() {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	lines := `{"event":"step","step":10,"tokens":1000,"loss":6.5}` + "\n" + `{"event":"step","step":20,"tokens":2000,"loss":5.5}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, runlog.LogFile), []byte(lines), 0o644); err != nil {
		log.Fatal(err)
	}
	run, err := watch.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	var page bytes.Buffer
	if err := watch.WritePage(&page, watch.PageOptions{Axis: watch.TokensAxis}, run); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(run.Events), strings.Contains(page.String(), "<td>5.5000</td>"))
	// Output: 2 true
}
