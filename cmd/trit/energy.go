package main

import (
	"os"
	"strconv"
	"strings"

	"trit/model"
)

// energyPerToken is the energy to generate a token and how it is known.
type energyPerToken struct {
	Joules float64 `json:"joules"`
	How    string  `json:"how"`
}

// energyMeter reads the processor's own counter (RAPL) where the system shows it.
type energyMeter struct {
	begin  float64
	joules float64
	tokens int
}

const raplCounter = "/sys/class/powercap/intel-rapl:0/energy_uj"

func newEnergyMeter() *energyMeter { return &energyMeter{} }

func readRAPL() (joules float64, ok bool) {
	b, err := os.ReadFile(raplCounter)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	return v / 1e6, err == nil
}

func (m *energyMeter) start() { m.begin, _ = readRAPL() }

// stop counts the energy since start, unless the counter began anew in between.
func (m *energyMeter) stop(tokens int) {
	if end, ok := readRAPL(); ok && end > m.begin {
		m.joules, m.tokens = m.joules+end-m.begin, m.tokens+tokens
	}
}

// Energy of arithmetic in 7 nm, in joules: Zhang et al., PokeBNN (2022), as the BitNet
// papers use it.
const (
	addInt8 = 0.007e-12
	addF16  = 0.16e-12
	mulF16  = 0.34e-12
)

// perToken is what was measured, or the estimate of the BitNet papers: an int8 addition
// for each ternary weight and a float16 multiplication and addition for each other one.
func (m *energyMeter) perToken(c model.Config) energyPerToken {
	if m.tokens > 0 {
		return energyPerToken{m.joules / float64(m.tokens), "measured by RAPL, the whole processor package"}
	}
	ternary := float64(c.TernaryParameters())
	head := float64(c.VocabSize * c.HiddenSize)
	return energyPerToken{ternary*addInt8 + head*(addF16+mulF16), "ESTIMATE by counts of operations in 7 nm, without memory: this machine shows no RAPL counter"}
}
