package clock_test

import (
	"fmt"
	"time"

	"trit/train/clock"
)

// A run of a minute takes its steps at shares of that time.
func Example() {
	now := time.Unix(0, 0)
	c := clock.New(now, func() time.Time { return now })
	c.Fill(60, 0, 0)
	c.Begin(0)
	for step := 0; c.Next(step, 0) < 1; step++ {
		c.Take(c.Next(step, 0))
		now = now.Add(25 * time.Second)
	}
	fmt.Println(c.Shares)
	// Output: [0 0.416666 0.833333]
}
