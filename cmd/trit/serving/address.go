package serving

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/serve"
)

// addressFlags say where the server listens.
func addressFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "addr", Usage: "listen at `HOST:PORT`", Value: "127.0.0.1:8080"},
		&cli.BoolFlag{Name: "open", Usage: "listen also where other machines can reach the server, without keys"},
		&cli.StringFlag{Name: "tls-cert", Usage: "speak TLS with the certificate in `FILE` (PEM), read again when it changes"},
		&cli.StringFlag{Name: "tls-key", Usage: "`FILE` with the key of --tls-cert"},
	}
}

// address is where a server listens.
type address struct {
	net.Listener
	host string // as the flag has it
	tls  *tls.Config
}

// listen takes the address of the flags, if it may.
func listen(c *cli.Context, log *slog.Logger) (*address, error) {
	addr := c.String("addr")
	host, _, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return nil, cmdline.Usagef("--addr is %q: want HOST:PORT, such as 127.0.0.1:8080", addr)
	case !isLoopback(host) && !c.Bool("open") && !c.IsSet("keys"):
		return nil, cmdline.Usagef("--addr %s can be reached from other machines: "+
			"give --keys FILE, or --open if everybody there may use the models", addr)
	case c.IsSet("tls-cert") != c.IsSet("tls-key"):
		return nil, cmdline.Usagef("--tls-cert and --tls-key belong together: give both, or none")
	}
	a := &address{host: host}
	if c.IsSet("tls-cert") {
		files := serve.Certificate{Cert: c.String("tls-cert"), Key: c.String("tls-key")}
		if a.tls, err = files.Open(func(err error) { log.Error("TLS", "error", cmdline.OneLine(err)) }); err != nil {
			return nil, err
		}
	}
	if a.Listener, err = net.Listen("tcp", addr); err != nil {
		return nil, cannotListen(addr, err)
	}
	if a.tls == nil && !isLoopback(host) {
		log.Warn("keys and texts can be read on their way: give --tls-cert and --tls-key, or let a proxy speak TLS")
	}
	return a, nil
}

// url is the address for a browser.
func (a *address) url() string {
	if a.tls != nil {
		return "https://" + a.Addr().String()
	}
	return "http://" + a.Addr().String()
}

// cannotListen says why, and the way out.
func cannotListen(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--addr: %s is in use: end what listens there, or name another port", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--addr: %s is no address of this machine: want one that is, or 0.0.0.0 for all", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--addr: the system does not allow %s: name a port of 1024 or more", addr)
	}
	return fmt.Errorf("--addr: %w", err)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownHosts are the names of a server that only this machine can reach.
func ownHosts(host string) []string {
	if !isLoopback(host) {
		return nil
	}
	return []string{"localhost", "127.0.0.1", "::1", host}
}
