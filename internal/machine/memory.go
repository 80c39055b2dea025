package machine

import (
	"bytes"
	"os"
	"strconv"
)

// PeakMemory returns the largest memory that this process has had, in bytes, or 0 if the system
// does not say.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return peakOf(status)
}

// peakOf reads the line VmHWM of /proc/PID/status (proc_pid_status(5)).
func peakOf(status []byte) int64 {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("VmHWM:"))
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
