package alert_test

import (
	"fmt"
	"time"

	"trit/serve/telemetry/alert"
)

// An alert begins when a number has been too high for a while, and ends when it is good again.
func Example() {
	rule, err := alert.Parse("latency>2s until 1s for 1m")
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := alert.New([]alert.Rule{rule}, func(a alert.Alert) { fmt.Println(a.State) })
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Now()
	for minute, seconds := range []float64{3, 3, 0.5, 0.5} {
		w.Check(start.Add(time.Duration(minute)*time.Minute), alert.Values{alert.Latency: seconds})
	}
	// Output:
	// raised
	// ended
}
