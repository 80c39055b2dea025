// Command trit trains, packs, runs and measures BitNet b1.58 language models.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals...)
	go func() {
		<-ctx.Done()
		stop() // the first Ctrl-C saves and ends; a second one ends at once
	}()
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
