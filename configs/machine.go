package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trit/internal/nearest"
	"trit/train"
)

// Machines are what a run is estimated for: some machines, or processors of one, of which each is a rank.
// The speed of a rank is FLOPs, or follows from the rates of its instructions.
type Machines struct {
	FLOPs   float64 // operations that a rank does in a second; 0: see Int8, BF16 and Float32
	Ranks   int
	Threads int     // of a rank; 0: one for each processor of this machine
	Network float64 // bits a second, each way, between a rank and the others
	Latency float64 // seconds that a message takes beside its bytes

	Int8    float64 // operations a second, all cores together, of the instructions of int8 products
	BF16    float64 // likewise of bfloat16; 0: the machine has none
	Float32 float64 // likewise
	Share   float64 // of these rates that training reaches
	Memory  int64   // bytes of a rank; 0: not known
	Price   float64 // of a rank for an hour; 0: not known
}

// reached is the default of Machines.Share: the least that was measured, with 110M weights and 2048 tokens
// in a pass, on two threads of a Xeon with AMX, of the rates of its tiles with operands in the cache.
const reached = 0.12

// machineKeys are the keys of a machine, with their units.
var machineKeys = []struct {
	name, unit string
	size       float64 // of the unit
	set        func(m *Machines, v float64)
}{
	{"cores", "", 1, func(m *Machines, v float64) { m.Threads = int(v) }},
	{"int8", "TOP/s", 1e12, func(m *Machines, v float64) { m.Int8 = v }},
	{"bf16", "TFLOP/s", 1e12, func(m *Machines, v float64) { m.BF16 = v }},
	{"float32", "TFLOP/s", 1e12, func(m *Machines, v float64) { m.Float32 = v }},
	{"share", "of these rates that training reaches", 1, func(m *Machines, v float64) { m.Share = v }},
	{"memory", "GB", 1e9, func(m *Machines, v float64) { m.Memory = int64(v) }},
	{"nodes", "", 1, func(m *Machines, v float64) { m.Ranks = int(v) }},
	{"network", "Gbit/s", 1e9, func(m *Machines, v float64) { m.Network = v }},
	{"latency", "microseconds", 1e-6, func(m *Machines, v float64) { m.Latency = v }},
	{"price", "of a machine and hour", 1, func(m *Machines, v float64) { m.Price = v }},
}

// MachineKeys lists the keys of ParseMachine with their units.
func MachineKeys() string {
	var list []string
	for _, k := range machineKeys {
		list = append(list, strings.TrimSpace(k.name+" "+k.unit))
	}
	return strings.Join(list, ", ")
}

// ParseMachine reads a machine: "cores=64,int8=340,bf16=170,memory=512,nodes=8,network=25,price=3". Cores,
// int8, and bf16 or float32 are needed. What is left out is one machine, 10 Gbit/s, 30 microseconds, and
// the share of the rates that was measured.
func ParseMachine(text string) (Machines, error) {
	m := Machines{Ranks: 1, Network: 1e10, Latency: 30e-6, Share: reached}
	var names, seen []string
	for _, k := range machineKeys {
		names = append(names, k.name)
	}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		i := slices.Index(names, name)
		if i < 0 {
			return m, fmt.Errorf("there is no key %q of a machine%s", name, nearest.OneOf(name, names, nil))
		}
		k := machineKeys[i]
		v, err := strconv.ParseFloat(value, 64)
		whole := k.name != "cores" && k.name != "nodes" || v == float64(int(v))
		if err != nil || !(v > 0) || v > 1e9 || !whole || k.name == "share" && v > 1 {
			return m, fmt.Errorf("%s is %q: want a positive number%s", name, value, inUnit(k.unit))
		}
		if slices.Contains(seen, name) {
			return m, fmt.Errorf("%s is named twice", name)
		}
		seen = append(seen, name)
		k.set(&m, v*k.size)
	}
	if m.Threads == 0 || m.Int8 == 0 || m.BF16+m.Float32 == 0 {
		return m, fmt.Errorf("%q: want cores, int8, and bf16 or float32 of a machine, as in cores=64,int8=340,bf16=170", text)
	}
	return m, nil
}

func inUnit(unit string) string {
	if unit == "" {
		return ", a whole one"
	}
	return ", " + unit
}

// described reports whether the rates of the machine are given.
func (m Machines) described() bool { return m.Int8 > 0 }

// precision replaces auto by what is faster on the machine.
func (m Machines) precision(p train.Precision) (train.Precision, error) {
	switch {
	case !m.described():
		return p, nil
	case p == train.PrecisionAuto && m.BF16 > m.Float32:
		return train.PrecisionBF16, nil
	case p == train.PrecisionAuto:
		return train.PrecisionFloat32, nil
	case p == train.PrecisionBF16 && m.BF16 == 0, p == train.PrecisionFloat32 && m.Float32 == 0:
		return p, fmt.Errorf("precision is %s, but the machine has no rate %s: name it", p, p)
	}
	return p, nil
}

// tokenSeconds is the time that a rank computes for a token. The forward products of ternary layers are of
// int8, with gradients in int8 their others too; all others are in the precision of the run. A block that is
// computed again costs a fifth more.
func (c Config) tokenSeconds(m Machines, t Teacher) float64 {
	all := float64(c.flopsPerToken(t))
	if !m.described() {
		return all / max(m.FLOPs, 1)
	}
	rate := m.Float32
	if c.Precision == train.PrecisionBF16 {
		rate = m.BF16
	}
	whole := float64(c.Options.Int8OPsPerToken(c.Config))
	seconds := (whole/m.Int8 + (all-whole)/rate) / m.Share
	if c.CheckpointActivations {
		seconds *= 1.2
	}
	return seconds
}
