package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// asProgram makes the test binary the program itself, for tests that end it by a signal.
var asProgram = flag.Bool("as-program", false, "for TestProgram: run the command line that follows")

// TestProgram is no test, but what program starts.
func TestProgram(t *testing.T) {
	if !*asProgram {
		t.Skip("it is run by other tests")
	}
	ctx, stop := signal.NotifyContext(context.Background(), endSignals...)
	defer stop()
	os.Exit(run(ctx, append([]string{"trit"}, flag.Args()...), os.Stdin, os.Stdout, os.Stderr))
}

// program is a process that runs trit.
type program struct {
	*exec.Cmd
	log output
}

// startProgram starts trit in a process of its own, which writes to out.
func startProgram(t *testing.T, out io.Writer, args ...string) *program {
	t.Helper()
	line := append([]string{"-test.run", "^TestProgram$", "-as-program", "--"}, args...)
	p := &program{Cmd: exec.Command(os.Args[0], line...)}
	p.Stdout, p.Stderr = out, &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() }) // does nothing to one that has ended
	return p
}

// startServer starts trit serve and returns its address too.
func startServer(t *testing.T, args ...string) (p *program, url string) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p = startProgram(t, out, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	out.Close() // the process has its own
	url, err = bufio.NewReader(in).ReadString('\n')
	if err != nil {
		p.Wait()
		t.Fatalf("trit serve %v: %v, %s", args, err, p.log.String())
	}
	return p, strings.TrimSpace(url)
}

// end asks a server to end, and waits for it.
func (p *program) end(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(endSignals[len(endSignals)-1]); err != nil {
		p.Process.Kill() // Windows knows no other way
		p.Wait()
		return
	}
	if p.Wait(); p.ProcessState.ExitCode() != cmdline.ExitOK {
		t.Errorf("trit serve: %v, %s", p.ProcessState, p.log.String())
	}
}

// kill ends a server as a loss of power does.
func (p *program) kill() {
	p.Process.Kill()
	p.Wait()
}
