package machine

import (
	"os"
	"runtime"
	"runtime/debug"
)

// PeakMemory returns the largest memory that this process has had, in bytes, or 0 if the system
// does not say.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return kilobytes(status, "VmHWM:") // proc_pid_status(5)
}

// BoundGarbage makes the collector of a process that has loaded a model run before garbage is more than a
// twentieth of what is in use, or 16 MB. By default there may be as much garbage as weights. A GOGC of the
// user's stays.
func BoundGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(garbagePercent(m.HeapAlloc))
}

// garbagePercent is the percentage of garbage for a number of bytes in use.
func garbagePercent(inUse uint64) int {
	const least, usual = 16 << 20, 100
	return int(min(usual, max(5, least*100/max(inUse, 1))))
}
