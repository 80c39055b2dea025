//go:build unix

package main

import (
	"os"
	"syscall"
)

// endSignals save and end a run. SIGUSR1 is one that mpirun passes on to its processes
// without ending them itself.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1}
