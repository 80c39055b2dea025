package sandbox

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// system is the means of the kernel to confine a process.
type system struct {
	Landlock int  // version of its interface; 0: none
	Seccomp  bool // reports whether system calls can be filtered
}

// probe returns the means of the kernel, and lists what programs cannot be kept from.
func probe() (system, []string) {
	k := system{landlockVersion(), seccompKnown()}
	var missing []string
	if k.Landlock == 0 {
		missing = append(missing, "writing files outside its folder "+
			"(that needs Landlock: Linux 5.13 or newer, not switched off)")
	}
	if !k.Seccomp {
		missing = append(missing, "using the network, starting processes that stay, "+
			"signalling other processes of the user (that needs seccomp, on amd64 or arm64)")
	}
	return k, missing
}

// command starts this binary again, which confines itself and executes the interpreter.
func (s *Sandbox) command(ctx context.Context, dir string, p python) (*exec.Cmd, error) {
	b, err := json.Marshal(confinement{append([]string{p.path}, p.args(s.limits.MemoryBytes)...), s.limits, s.system})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{marker, string(b)}
	cmd.Dir, cmd.Env = dir, environment(dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	// It kills the process group: without seccomp, the program may have started others.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd, nil
}

// overtime reports whether a process was ended for its processor time: by SIGXCPU or, if the
// program caught that, by SIGKILL a second later.
func (l *limits) overtime(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return false
	}
	spent := p.UserTime() + p.SystemTime()
	return status.Signal() == syscall.SIGXCPU ||
		status.Signal() == syscall.SIGKILL && spent >= time.Duration(l.CPUSeconds)*time.Second
}
