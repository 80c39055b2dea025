//go:build !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
)

// system is what the machine offers to confine a process with: here nothing.
type system struct{}

// probe lists what programs cannot be kept from here. What is left is the time by the
// clock, the size of the folder, a clean environment and bounded output.
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

// overtime is never: there is no limit of processor time here.
func (l *limits) overtime(*os.ProcessState) bool { return false }
