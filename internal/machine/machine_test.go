package machine

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trit/bitlinear/kernel/gemm"
	"trit/internal/parallel"
)

func TestRatesAreMeasuredOnce(t *testing.T) {
	m := With(nil)
	if again := With(parallel.New(parallel.New(0).Threads())); again != m {
		t.Error("the same number of threads has two machines")
	}
	if other := With(parallel.New(parallel.New(0).Threads() + 1)); other == m {
		t.Error("two numbers of threads share one machine")
	}
	rates := map[string]func() float64{"int8": m.Int8OPS, "float32": m.Float32FLOPS, "memory": m.MemoryBandwidth}
	if gemm.HasBF16() {
		rates["bfloat16"] = m.BFloat16FLOPS
	}
	for name, rate := range rates {
		first := rate()
		if !(first > 1e6) || math.IsInf(first, 0) {
			t.Errorf("%s: %g a second", name, first)
		}
		if again := rate(); again != first {
			t.Errorf("%s: %g and %g a second: it was measured twice", name, first, again)
		}
	}
}

// The rate is that of the fastest try, and the first one, which warms up, does not count.
func TestRateIsThatOfTheFastestTry(t *testing.T) {
	waits := []time.Duration{0, 40 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond}
	calls := 0
	got := rate(1000, func() {
		time.Sleep(waits[min(calls, len(waits)-1)])
		calls++
	})
	if got > 1000/0.020 || got < 1000/0.040 {
		t.Errorf("%g a second, want at most 50000: the fastest try took 20 ms", got)
	}
	if calls != len(waits) {
		t.Errorf("%d tries, want %d", calls, len(waits))
	}
}

func TestEnergyMeter(t *testing.T) {
	var m EnergyMeter
	if _, measured := m.PerUnit(); measured {
		t.Error("nothing was measured")
	}
	m.begin = 10
	m.add(16, 4)
	m.begin = 30
	m.add(2, 100) // the counter began anew
	m.begin = 2
	m.add(4, 4)
	if joules, measured := m.PerUnit(); !measured || joules != 1 {
		t.Errorf("%g joules a unit, %v: want 8 joules by 8 units", joules, measured)
	}
}

func TestReadRAPL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "energy_uj")
	if _, ok := readRAPL(path); ok {
		t.Error("a missing counter was read")
	}
	for text, want := range map[string]float64{"2500000\n": 2.5, "none": -1} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if joules, ok := readRAPL(path); ok != (want >= 0) || ok && joules != want {
			t.Errorf("%q: %g, %v: want %g", text, joules, ok, want)
		}
	}
}

// By hand from the table of the paper, in picojoules: 1000 x 0.007 + 10 x 0.5.
func TestEstimateEnergy(t *testing.T) {
	if got, want := EstimateEnergy(1000, 10), 12e-12; math.Abs(got/want-1) > 1e-12 {
		t.Errorf("%g joules, want %g", got, want)
	}
}

func TestPeakMemory(t *testing.T) {
	for status, want := range map[string]int64{"VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS: 1 kB\n": 1234 * 1024, "VmHWM: x kB\n": 0, "": 0} {
		if got := kilobytes([]byte(status), "VmHWM:"); got != want {
			t.Errorf("%q: %d bytes, want %d", status, got, want)
		}
	}
}

func TestGarbagePercent(t *testing.T) {
	for inUse, want := range map[uint64]int{0: 100, 8 << 20: 100, 64 << 20: 25, 320 << 20: 5, 8 << 30: 5} {
		if got := garbagePercent(inUse); got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", inUse, got, want)
		}
	}
}
