//go:build unix

package main

import "syscall"

// mpirun passes SIGUSR1 on to its processes without ending them itself.
func init() { endSignals = append(endSignals, syscall.SIGUSR1) }
