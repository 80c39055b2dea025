//go:build !unix

package main

import (
	"os"
	"syscall"
)

// endSignals save and end a run.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
