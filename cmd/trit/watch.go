package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/internal/atomicfile"
	"trit/watch"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "show training runs, while they run or after, in a browser or in TensorBoard",
		ArgsUsage: "RUN...",
		Description: cmdline.Examples("trit watch run",
			"trit watch run-a run-b --axis minutes", "trit watch run --html report.html",
			"trit watch run-a run-b --csv runs.csv",
			"trit watch run --tensorboard logs --follow"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "serve the page at `ADDRESS`", Value: "127.0.0.1:8080"},
			cmdline.TimeFlag("every", "look for new lines each `TIME`", 5*time.Second),
			cmdline.OneOfFlag("axis", "of the curves, which the page can change", watch.Axes...),
			&cli.StringFlag{Name: "csv", Usage: "write the figures of all lines of the logs to `FILE` and end"},
			&cli.StringFlag{Name: "html", Usage: "write the page to `FILE` and end"},
			cmdline.ForceFlag("FILE"),
			&cli.StringFlag{Name: "tensorboard", Usage: "write event files into `DIR`, with a folder for each of several runs, " +
				"and end"},
			&cli.BoolFlag{Name: "follow", Usage: "with --tensorboard: go on to write new lines of the runs, until Ctrl-C"},
		},
		Action: watchAction,
	}
}

func watchAction(c *cli.Context) error {
	w := &watcher{con: cmdline.NewConsole(c), dirs: c.Args().Slice(), every: c.Duration("every"), axis: c.String("axis")}
	html, csv, tensorboard := c.String("html"), c.String("csv"), c.String("tensorboard")
	switch {
	case len(w.dirs) == 0:
		return cmdline.Usagef("RUN is missing: trit watch RUN...")
	case w.every < 100*time.Millisecond:
		return cmdline.Usagef("--every is %s: want at least 100ms", w.every)
	case c.Bool("follow") && tensorboard == "":
		return cmdline.Usagef("--follow goes with --tensorboard DIR")
	case c.IsSet("axis") && html == "" && csv+tensorboard != "":
		return cmdline.Usagef("--axis is of the page, which is not written: leave it out, or name --html FILE too")
	}
	if err := cmdline.MayWrite(c, html, csv); err != nil {
		return err
	}
	if _, err := w.open(); err != nil {
		return err
	}
	if html != "" {
		if err := w.writeHTML(html); err != nil {
			return err
		}
	}
	if csv != "" {
		if err := w.writeCSV(csv); err != nil {
			return err
		}
	}
	if tensorboard != "" {
		return w.writeTensorBoard(c.Context, tensorboard, c.Bool("follow"))
	}
	if html != "" || csv != "" {
		return nil
	}
	return w.serve(c.Context, c.String("addr"))
}

// watcher shows the runs in some folders.
type watcher struct {
	con   *cmdline.Console
	dirs  []string
	every time.Duration
	axis  string
}

func (w *watcher) open() ([]*watch.Run, error) {
	var runs []*watch.Run
	for _, dir := range w.dirs {
		r, err := watch.Open(dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func (w *watcher) page(out io.Writer, refresh time.Duration) error {
	runs, err := w.open()
	if err != nil {
		return err
	}
	return watch.WritePage(out, watch.PageOptions{Axis: w.axis, Refresh: refresh}, runs...)
}

func (w *watcher) writeHTML(path string) error {
	if err := atomicfile.Write(path, func(out io.Writer) error { return w.page(out, 0) }); err != nil {
		return err
	}
	w.con.Printf("report: %s\n", path)
	return nil
}

func (w *watcher) writeCSV(path string) error {
	runs, err := w.open()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, func(out io.Writer) error { return watch.WriteCSV(out, runs...) }); err != nil {
		return err
	}
	w.con.Printf("figures: %s\n", path)
	return nil
}

// ServeHTTP makes a new page for each request.
func (w *watcher) ServeHTTP(out http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := w.page(&b, w.every); err != nil {
		http.Error(out, cmdline.OneLine(err), http.StatusInternalServerError)
		return
	}
	out.Header().Set("Content-Type", "text/html; charset=utf-8")
	out.Header().Set("Cache-Control", "no-store")
	out.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'")
	out.Write(b.Bytes())
}

// serve answers requests until ctx ends.
func (w *watcher) serve(ctx context.Context, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	w.con.Printf("http://%s shows the run; Ctrl-C ends\n", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", w)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
