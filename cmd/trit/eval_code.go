package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/eval/sandbox"
)

// codeFlags are the flags of every command whose tasks may run what a model wrote.
func codeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "allow-code-execution",
			Usage: "run the Python programs that the model writes, for tasks that ask for such: " +
				"in a sandbox without network"},
		&cli.BoolFlag{Name: "allow-weak-isolation",
			Usage: "run them even if the system cannot enforce all limits, " +
				"such as macOS and Windows: use a virtual machine there"},
	}
}

// codeSandbox makes the sandbox that the tasks need. It returns nil if no task runs code, or if
// the flags of codeFlags do not allow it; then eval refuses the tasks that need one.
func codeSandbox(c *cli.Context, con *cmdline.Console, tasks []eval.Task) (eval.Sandbox, error) {
	weak := c.Bool("allow-weak-isolation")
	if weak && !c.Bool("allow-code-execution") {
		return nil, cmdline.Usagef("--allow-weak-isolation says how programs may run: it needs --allow-code-execution")
	}
	runs, modules := eval.RunsCode(tasks)
	if !runs || !c.Bool("allow-code-execution") {
		return nil, nil
	}
	return openSandbox(con, sandbox.Options{Modules: modules, AllowWeak: weak})
}

// openSandbox opens a sandbox. If the system cannot enforce all limits, it returns an error, or
// with --allow-weak-isolation warns of the missing ones.
func openSandbox(con *cmdline.Console, o sandbox.Options) (eval.Sandbox, error) {
	s, err := sandbox.New(o)
	if weak := new(sandbox.WeakError); errors.As(err, &weak) {
		return nil, fmt.Errorf("programs of the model are not run: this system cannot keep them from %s; "+
			"--allow-weak-isolation runs them nevertheless, which is for a virtual machine or a container",
			strings.Join(weak.Missing, ", "))
	}
	if err != nil {
		return nil, err
	}
	for _, missing := range s.Missing() {
		con.Warnf("programs of the model are not kept from %s", missing)
	}
	return programs{s}, nil
}

// programs is a sandbox as eval wants it.
type programs struct{ *sandbox.Sandbox }

// Run implements eval.Sandbox.
func (p programs) Run(ctx context.Context, program string) (passed bool, end string, err error) {
	r, err := p.Sandbox.Run(ctx, program)
	return r.OK, string(r.Reason), err
}
