package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is the name under which this binary is started to confine itself.
const marker = "trit-sandbox: a program of a model"

// confinement says how such a process confines itself and what it runs then.
type confinement struct {
	Argv   []string // of the interpreter
	Limits limits
	System system
}

// init takes over the process if it was started by command. It is an init function so that
// every binary and every test with this package can run programs. If it were a function that
// main has to call, a main that forgot it would start itself again and again.
func init() {
	if len(os.Args) != 2 || os.Args[0] != marker {
		return
	}
	var c confinement
	err := json.Unmarshal([]byte(os.Args[1]), &c)
	if err == nil {
		err = c.runInterpreter()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// runInterpreter gives up all rights that programs do not need and executes the interpreter. It
// returns only if that fails. The restrictions hold for this thread: init runs on the first
// thread, which stays when execve ends all others.
func (c *confinement) runInterpreter() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if c.System.Landlock > 0 {
		if err := restrictFiles(c.System.Landlock); err != nil {
			return fmt.Errorf("landlock: %w", err)
		}
	}
	if err := c.Limits.set(); err != nil {
		return err
	}
	if c.System.Seccomp {
		if err := filterCalls(); err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	return fmt.Errorf("%s: %w", c.Argv[0], syscall.Exec(c.Argv[0], c.Argv, os.Environ()))
}

// dropCapabilities takes all capabilities from the process, so that root has the rights of an
// ordinary user. no_new_privs keeps it so.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// set sets the limits of the process. The limit of processor time sends a signal that a program
// can catch, and a second later one that it cannot. The interpreter sets the limit of memory
// itself: set here, it could stop Go's runtime.
func (l *limits) set() error {
	for _, limit := range []struct {
		name       string
		resource   int
		soft, hard uint64
	}{
		{"processor time", unix.RLIMIT_CPU, l.CPUSeconds, l.CPUSeconds + 1},
		{"size of a file", unix.RLIMIT_FSIZE, l.FileBytes, l.FileBytes},
		{"open files", unix.RLIMIT_NOFILE, 64, 64},
		{"core files", unix.RLIMIT_CORE, 0, 0},
		{"stack", unix.RLIMIT_STACK, 8 << 20, 8 << 20},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.resource, &now); err != nil {
			return fmt.Errorf("limit of %s: %w", limit.name, err)
		}
		want := unix.Rlimit{Cur: min(limit.soft, now.Max), Max: min(limit.hard, now.Max)}
		if err := unix.Setrlimit(limit.resource, &want); err != nil {
			return fmt.Errorf("limit of %s: %w", limit.name, err)
		}
	}
	return nil
}
