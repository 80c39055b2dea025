package deltanet

import (
	"fmt"
	"testing"

	"trit/internal/parallel"
	"trit/model"
)

// BenchmarkLayer reads tokens in a layer of the published shapes, 16 and 32 value heads of 128, on two threads:
// a prompt of 512, and one token at a time.
func BenchmarkLayer(b *testing.B) {
	for _, heads := range []int{16, 32} {
		for _, n := range []int{512, 1} {
			b.Run(fmt.Sprintf("heads%d/tokens%d", heads, n), func(b *testing.B) {
				e := newExample(model.DeltaNet{KeyHeads: 16, ValueHeads: heads, HeadDim: 128, Kernel: 4, Interval: 4}, n)
				l, m, pool := NewLayer(e.d, e.conv, e.rate, e.lag), New(e.d), parallel.New(2)
				rows := e.part(0, n)
				for b.Loop() {
					l.Run(pool, []Span{{m, n, false}}, rows)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/token")
			})
		}
	}
}
