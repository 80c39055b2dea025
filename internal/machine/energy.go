package machine

import (
	"os"
	"strconv"
	"strings"
)

// raplCounter is the energy that the first processor package has taken, in microjoules.
// It starts again at 0 when it is full.
const raplCounter = "/sys/class/powercap/intel-rapl:0/energy_uj"

// EnergyMeter adds up the energy of some stretches of work by the processor's own counter (RAPL),
// if the system shows it. The zero value is ready.
type EnergyMeter struct {
	begin, joules float64
	units         int
}

// Start begins a stretch of work.
func (m *EnergyMeter) Start() { m.begin, _ = readRAPL(raplCounter) }

// Stop ends the stretch, in which n units of work were done, such as tokens. The stretch does not
// count if there is no counter, or if the counter started again at 0.
func (m *EnergyMeter) Stop(n int) {
	if end, ok := readRAPL(raplCounter); ok {
		m.add(end, n)
	}
}

func (m *EnergyMeter) add(end float64, n int) {
	if end > m.begin {
		m.joules, m.units = m.joules+end-m.begin, m.units+n
	}
}

// PerUnit returns the joules of a unit of work, and reports whether any stretch counted.
func (m *EnergyMeter) PerUnit() (joules float64, measured bool) {
	if m.units == 0 {
		return 0, false
	}
	return m.joules / float64(m.units), true
}

func readRAPL(path string) (joules float64, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	return v / 1e6, err == nil
}

// Energy of arithmetic in 7 nm, in joules: Zhang et al., PokeBNN (2022), as the BitNet
// papers use it.
const (
	addInt8 = 0.007e-12
	addF16  = 0.16e-12
	mulF16  = 0.34e-12
)

// EstimateEnergy returns the joules that a token takes by the count of the BitNet papers: an
// int8 addition for each ternary weight, and a float16 multiplication and addition for each
// other one. Memory is not in it.
func EstimateEnergy(ternary, other int) float64 {
	return float64(ternary)*addInt8 + float64(other)*(addF16+mulF16)
}
