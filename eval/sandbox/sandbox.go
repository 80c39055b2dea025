// Package sandbox runs Python programs that nobody has read, such as the answers of a language
// model to a coding task, each in a process of its own with limits on time, memory, files,
// further processes and the network.
//
// On Linux it starts its own binary again (see init in child_linux.go), which gives up its
// rights by Landlock, seccomp and resource limits, and then executes the interpreter. That
// needs no privilege, no container and no user namespace. A program can read the files that
// the user can read, but has nowhere to send them.
package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say what runs programs and what they may use. Zero values take the defaults.
type Options struct {
	Python  string   // the interpreter; "" takes the first of PATH that can be used
	Modules []string // which programs import, such as numpy; the interpreter must have them
	// Timeout is the processor time of a program, in whole seconds, rounded up; 10 s if 0.
	// The wall-clock time may be three times as long, so that no right program fails on a
	// busy machine.
	Timeout     time.Duration
	MemoryBytes int64 // address space; 2 GiB if 0
	FileBytes   int64 // of all files that a program keeps in its folder; 16 MiB if 0
	// AllowWeak runs programs even if the system cannot enforce all limits. Missing lists
	// the limits that it cannot enforce.
	AllowWeak bool
}

// The defaults of Options.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultMemoryBytes = 2 << 30
	DefaultFileBytes   = 16 << 20
)

const (
	clockFactor = 3    // limit of wall-clock time, in limits of processor time
	stderrBytes = 4096 // bytes of standard error that are kept
	maxEntries  = 1000 // files and folders that a program may keep
)

// Reason says how a program ended.
type Reason string

// Reasons why a program ended. Only Passed is a success.
const (
	Passed    Reason = "passed"    // it reached its last line
	Assertion Reason = "assertion" // AssertionError: a test failed
	Error     Reason = "error"     // another exception, or it is no Python at all
	Memory    Reason = "memory"    // MemoryError
	Exit      Reason = "exit"      // it exited before its last line
	Timeout   Reason = "timeout"   // it reached the limit of processor time or of wall-clock time
	Files     Reason = "files"     // it kept too much in its folder
	Killed    Reason = "killed"    // a signal ended it, as after a crash
)

// Result is the end of a program.
type Result struct {
	OK     bool
	Reason Reason
	Stderr string // the last 4 KiB of standard error, with the traceback
}

// Sandbox runs programs. It may be used by several goroutines at once.
type Sandbox struct {
	python  python
	limits  limits
	system  system
	missing []string
}

// limits are the limits of a program.
type limits struct {
	CPUSeconds, MemoryBytes, FileBytes uint64
	Clock                              time.Duration // wall-clock time
}

func (o *Options) limits() (limits, error) {
	timeout, memory, files := o.Timeout, o.MemoryBytes, o.FileBytes
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if memory == 0 {
		memory = DefaultMemoryBytes
	}
	if files == 0 {
		files = DefaultFileBytes
	}
	if timeout < 0 || memory < 0 || files < 0 {
		return limits{}, fmt.Errorf("sandbox: timeout %v, memory %d bytes, files %d bytes: none may be negative",
			timeout, memory, files)
	}
	seconds := (timeout + time.Second - 1) / time.Second
	return limits{uint64(seconds), uint64(memory), uint64(files), clockFactor * seconds * time.Second}, nil
}

// New looks for an interpreter and tries it under all limits. It returns an error if no
// interpreter has the modules, and a *WeakError if the system cannot enforce all limits, unless
// o.AllowWeak is set.
func New(o Options) (*Sandbox, error) {
	l, err := o.limits()
	if err != nil {
		return nil, err
	}
	s := &Sandbox{limits: l}
	s.system, s.missing = probe()
	if len(s.missing) > 0 && !o.AllowWeak {
		return nil, &WeakError{s.missing}
	}
	if s.python, err = s.find(&o); err != nil {
		return nil, err
	}
	return s, nil
}

// WeakError is the error of New on a system that cannot enforce all limits.
type WeakError struct{ Missing []string } // what programs are not kept from

// Error names the limits that are missing.
func (e *WeakError) Error() string {
	return fmt.Sprintf("sandbox: this system cannot keep a program from: %s; "+
		"programs run here only if weak limits are allowed", strings.Join(e.Missing, "; "))
}

// Missing lists what programs are not kept from. It is empty unless Options.AllowWeak is set.
func (s *Sandbox) Missing() []string { return s.missing }

// Python is the path and the version of the interpreter, such as 3.11.
func (s *Sandbox) Python() (path, version string) { return s.python.path, s.python.version }

// Run runs a program in a new process and a new folder, and removes both afterwards. Whatever
// the program does is a Result; an error is one of the sandbox itself or of ctx. The process of
// the program says itself that it passed, with a secret word. A program that is written to find
// the word among the frames of the interpreter could forge this; none does so by chance.
func (s *Sandbox) Run(ctx context.Context, program string) (Result, error) {
	return s.run(ctx, s.python, program)
}

// run is Run with the interpreter p, which New tries before it is the sandbox's own.
func (s *Sandbox) run(ctx context.Context, p python, program string) (r Result, err error) {
	dir, err := os.MkdirTemp("", "trit-sandbox-")
	if err != nil {
		return Result{}, fmt.Errorf("sandbox: %w", err)
	}
	defer func() { err = errors.Join(err, removeTree(dir)) }()
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd, err := s.command(limited, dir, p)
	if err != nil {
		return Result{}, fmt.Errorf("sandbox: %w", err)
	}
	word := rand.Text()
	status, stderr := &head{max: 512}, &tail{max: stderrBytes}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(word+"\n"+program), status, stderr
	cmd.WaitDelay = time.Second // on a weak system, processes that are left may hold the pipes
	go s.watch(limited, dir, cancel)
	if err := runOnThread(cmd); err != nil && cmd.ProcessState == nil && ctx.Err() == nil {
		return Result{}, fmt.Errorf("sandbox: %s: %w", cmd.Path, err)
	}
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	return s.result(p, cmd.ProcessState, context.Cause(limited), word+" ", status.String(), stderr.String())
}

// runOnThread runs a command on a thread that stays: when it ends, so does the command.
func runOnThread(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// result is the end of a process. status is what the interpreter wrote: the word when it began,
// and the word and a Reason when the program ended. cause is a limitError if watch ended the
// process.
func (s *Sandbox) result(p python, process *os.ProcessState, cause error, word, status, stderr string) (Result, error) {
	limit, limited := cause.(limitError)
	told, began := strings.CutPrefix(status, word)
	end, ended := strings.CutPrefix(told, word)
	reason := Killed
	switch {
	case ended && slices.Contains([]Reason{Passed, Assertion, Error, Memory, Exit}, Reason(end)):
		reason = Reason(end)
	case limited:
		reason = Reason(limit)
	case !began:
		return Result{}, fmt.Errorf("sandbox: %s did not come to the program: %v: %s", p.path, process, stderr)
	case s.limits.overtime(process):
		reason = Timeout
	case process.ExitCode() >= 0:
		reason = Exit
	}
	return Result{reason == Passed, reason, stderr}, nil
}
