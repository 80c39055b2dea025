//go:build !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
)

// system is the means of the machine to confine a process: none on this system.
type system struct{}

// probe lists what programs cannot be kept from. On this system only wall-clock time, the size of
// the folder, the environment and the output are limited.
func probe() (system, []string) {
	return system{}, []string{
		"taking all memory", "writing files outside its folder", "using the network",
		"starting processes that stay", "signalling other processes of the user",
	}
}

// command is the interpreter itself.
func (s *Sandbox) command(ctx context.Context, dir string, p python) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, p.path, p.args(0)...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	if root := os.Getenv("SYSTEMROOT"); root != "" {
		cmd.Env = append(cmd.Env, "SYSTEMROOT="+root) // Windows starts nothing without it
	}
	return cmd, nil
}

// overtime reports whether a process was ended for its processor time, which has no limit on
// this system.
func (l *limits) overtime(*os.ProcessState) bool { return false }
