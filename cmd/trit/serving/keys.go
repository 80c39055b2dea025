package serving

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/serve/guard"
)

// keyFlags are the flags about who may ask for what.
func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "keys", Usage: "ask for keys, of which `FILE` holds the hashes (trit serve key add makes them)"},
		&cli.StringFlag{Name: "filter", Usage: "look for the regular expressions of `FILE` in what comes in and goes out"},
		&cli.StringFlag{Name: "audit", Usage: "append a line of JSON to `FILE` for each request: who and how much, no text"},
	}
}

// newGuard makes the guard that the flags ask for.
func newGuard(c *cli.Context, log *slog.Logger) (g *guard.Guard, done func(), err error) {
	o, done := guard.Options{Public: isPublic, Admin: isAdmin}, func() {}
	o.Anyone.Admin = !c.Bool("open") // nobody else can reach the server then
	fail := func(err error) { log.Error("guard", "error", err) }
	if path := c.String("keys"); path != "" {
		if o.Keys, err = guard.OpenKeys(path, fail); err != nil {
			return nil, done, fmt.Errorf("--keys: %w%s", err, howToMakeKeys(err))
		}
	}
	if path := c.String("filter"); path != "" {
		if o.Filter, err = guard.ReadFilter(path); err != nil {
			return nil, done, fmt.Errorf("--filter: %w", err)
		}
	}
	if path := c.String("audit"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, done, fmt.Errorf("--audit: %w", err)
		}
		done = func() { f.Close() }
		o.Audit = guard.NewAudit(f, nil, fail)
	}
	return guard.New(o), done, nil
}

// isPublic reports whether a request needs no key: whether the server lives, and pages, whose
// scripts send the key themselves.
func isPublic(r *http.Request) bool {
	path := r.URL.Path
	return path == "/" || path == "/health" || strings.HasPrefix(path, "/health/") || strings.HasPrefix(path, "/page/")
}

// howToMakeKeys is the way out where there is no file of keys.
func howToMakeKeys(err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return ": trit serve key add NAME --keys FILE makes it"
	}
	return ""
}

// isAdmin reports whether a request is one to run the server.
func isAdmin(r *http.Request) bool { return r.URL.Path == savePath }

func keyCommand() *cli.Command {
	file := &cli.StringFlag{Name: "keys", Usage: "the `FILE` of keys", Value: "keys.json"}
	return &cli.Command{
		Name: "key", Usage: "make and remove the keys of a server",
		Description: cmdline.Examples("trit serve key add anna --requests-per-minute 60",
			"trit serve model.gguf --keys keys.json"),
		Subcommands: []*cli.Command{
			{
				Name: "add", Usage: "make a key, and print it once", ArgsUsage: "NAME",
				Description: cmdline.Examples("trit serve key add anna --keys keys.json --requests-per-minute 60"),
				Flags: []cli.Flag{
					file,
					&cli.IntFlag{Name: "requests-per-minute", Usage: "most requests `N` in a minute; 0 is without limit"},
					&cli.IntFlag{Name: "tokens-per-minute", Usage: "most tokens `N` of prompts and answers in a minute"},
					&cli.IntFlag{Name: "concurrent", Usage: "most requests `N` at a time"},
					&cli.StringSliceFlag{Name: "model", Usage: "allow the model `ID` alone (may be given several times)"},
					&cli.StringFlag{Name: "until", Usage: "last `DAY`, such as 2027-01-31"},
					&cli.BoolFlag{Name: "admin", Usage: "let it run the server too: save the kept prefixes"},
				},
				Action: addKey,
			},
			{
				Name: "remove", Usage: "remove a key", ArgsUsage: "NAME", Flags: []cli.Flag{file},
				Description: cmdline.Examples("trit serve key remove anna"),
				Action: func(c *cli.Context) error {
					args, err := cmdline.Arguments(c, "NAME")
					if err != nil {
						return err
					}
					return guard.RemoveKey(c.String("keys"), args[0])
				},
			},
			{
				Name: "list", Usage: "list the keys' names and limits", Flags: []cli.Flag{file},
				Description: cmdline.Examples("trit serve key list"),
				Action:      listKeys,
			},
		},
	}
}

func addKey(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "NAME")
	if err != nil {
		return err
	}
	key, err := guard.AddKey(c.String("keys"), guard.Key{
		Name: args[0], RequestsPerMinute: c.Int("requests-per-minute"), TokensPerMinute: c.Int("tokens-per-minute"),
		Concurrent: c.Int("concurrent"), Models: c.StringSlice("model"), Until: c.String("until"), Admin: c.Bool("admin"),
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, key)
	return nil
}

func listKeys(c *cli.Context) error {
	keys, err := guard.ReadKeys(c.String("keys"))
	if err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	for _, k := range keys {
		con.Printf("%s\t%s\n", k.Name, strings.Join(k.Limits(), ", "))
	}
	return nil
}
