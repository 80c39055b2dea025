package machine

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"trit/bitlinear/kernel/attention"
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// About is what a report of a problem should say of the program and the machine.
type About struct {
	Version  string `json:"version"`            // of the module, "(devel)" for one built in a checkout
	Commit   string `json:"commit,omitempty"`   // "" if the program was built outside of a checkout
	Modified bool   `json:"modified,omitempty"` // there were changes beside the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Go       string `json:"go"`
	System   string `json:"system"` // GOOS/GOARCH
	Threads  int    `json:"threads"`
	Memory   int64  `json:"memory_bytes,omitempty"` // of the machine; 0 if the system does not say
	Kernels  []Room `json:"kernels"`
}

// Room is the implementation that a package of kernels runs on this processor.
type Room struct {
	Name   string `json:"name"`
	Kernel string `json:"kernel"`
}

// Describe returns what this program and this machine are.
func Describe() About {
	a := About{
		Version: "unknown", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Threads: parallel.New(0).Threads(), Memory: totalMemory(),
		Kernels: []Room{
			{"intmul", intmul.Kernel()}, {"gemm", gemm.Kernel()}, {"bf16", orNone(gemm.KernelBF16())},
			{"vector", vector.Kernel()}, {"attention", attention.Kernel()},
		},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		a.setBuild(info)
	}
	return a
}

// setBuild takes the version and the commit that the Go command writes into a program.
func (a *About) setBuild(info *debug.BuildInfo) {
	if info.Main.Version != "" {
		a.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			a.Commit = s.Value
		case "vcs.time":
			a.Time = s.Value
		case "vcs.modified":
			a.Modified = s.Value == "true"
		}
	}
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

func totalMemory() int64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return kilobytes(info, "MemTotal:")
}

// kilobytes reads a line "NAME  N kB" of a file under /proc, in bytes; 0 if there is none.
func kilobytes(file []byte, name string) int64 {
	for line := range bytes.Lines(file) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		kB := bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))
		if n, err := strconv.ParseInt(string(kB), 10, 64); err == nil {
			return n * 1024
		}
	}
	return 0
}
