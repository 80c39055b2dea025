package history_test

import (
	"fmt"
	"time"

	"trit/serve/telemetry/history"
)

// Percentiles are off by at most a tenth; the average is exact.
func ExampleDist() {
	var d history.Dist
	for i := range 100 {
		d.Add(float64(i + 1))
	}
	fmt.Println(d.Mean(), d.Highest(), d.Percentile(0.5) > 45 && d.Percentile(0.5) < 55)
	// Output: 50.5 100 true
}

// Records of minutes become those of longer stretches.
func ExampleSteps() {
	records := []history.Record{{Time: 0, Requests: 1}, {Time: 60, Requests: 2}, {Time: 300, Requests: 4}}
	for _, r := range history.Steps(records, 5*time.Minute) {
		fmt.Println(r.Time, r.Requests)
	}
	// Output:
	// 0 3
	// 300 4
}
