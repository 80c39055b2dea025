package machine

import "os"

// PeakMemory returns the largest memory that this process has had, in bytes, or 0 if the system
// does not say.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return kilobytes(status, "VmHWM:") // proc_pid_status(5)
}
