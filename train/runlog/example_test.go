package runlog_test

import (
	"fmt"
	"log"
	"os"

	"trit/train/runlog"
)

// The log of a run is written and then read, as it is while the run goes on.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w, err := runlog.NewWriter(dir, 0, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	for _, e := range []runlog.Event{
		{Event: runlog.StepEvent, Step: 10, Tokens: 1000, Loss: 5.5, Judged: true},
		{Event: runlog.SpikeEvent, Step: 14, Note: "the loss is 9"},
		{Event: runlog.StepEvent, Step: 20, Tokens: 2000, Loss: 5, Judged: true},
	} {
		if err := w.Write(e); err != nil {
			log.Fatal(err)
		}
	}
	run, err := runlog.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range run.Of(runlog.StepEvent) {
		fmt.Printf("step %d: loss %g\n", e.Step, e.Loss)
	}
	for _, n := range run.Notes {
		fmt.Printf("%s at step %d: %s\n", n.Kind, n.Step, n.Text)
	}
	// Output:
	// step 10: loss 5.5
	// step 20: loss 5
	// spike at step 14: the loss is 9
}
