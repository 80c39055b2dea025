package history

import "math"

// Dist is how often values of some size were seen. Its percentiles are off by at most a tenth,
// however many values there are; count, mean and peak are exact. The zero value is empty.
type Dist struct {
	Count     uint64
	Sum, Peak float64
	// Buckets count values: the first those up to lowest, each further one those up to the fourth
	// root of 2 times more, the last all that are larger.
	Buckets [buckets]uint32
}

const (
	lowest  = 1.0 / 16384 // 61 microseconds
	octaves = 26          // up to 4096: an hour, or 4 TiB in GiB
	parts   = 4           // of an octave
	buckets = 1 + octaves*parts
)

// Add adds a value of 0 or more.
func (d *Dist) Add(v float64) {
	d.Count++
	d.Sum += v
	d.Peak = max(d.Peak, v)
	d.Buckets[bucketOf(v)]++
}

func bucketOf(v float64) int {
	if v <= lowest {
		return 0
	}
	return min(int(math.Ceil(math.Log2(v/lowest)*parts)), buckets-1)
}

// Merge adds the values of another one.
func (d *Dist) Merge(o *Dist) {
	d.Count += o.Count
	d.Sum += o.Sum
	d.Peak = max(d.Peak, o.Peak)
	for i, n := range o.Buckets {
		d.Buckets[i] += n
	}
}

// Mean is the average, NaN of no values.
func (d *Dist) Mean() float64 { return d.Sum / float64(d.Count) }

// Highest is the peak, NaN of no values.
func (d *Dist) Highest() float64 {
	if d.Count == 0 {
		return math.NaN()
	}
	return d.Peak
}

// Percentile returns a value that a share q of all, 0 to 1, does not exceed; NaN of no values.
func (d *Dist) Percentile(q float64) float64 {
	rank := uint64(math.Ceil(q * float64(d.Count)))
	var seen uint64
	for i, n := range d.Buckets {
		if seen += uint64(n); n > 0 && seen >= rank {
			return d.middle(i)
		}
	}
	return math.NaN()
}

// middle is the value that stands for a bucket.
func (d *Dist) middle(i int) float64 {
	switch i {
	case 0:
		return min(lowest, d.Peak)
	case buckets - 1:
		return d.Peak
	}
	return min(lowest*math.Exp2((float64(i)-.5)/parts), d.Peak)
}
