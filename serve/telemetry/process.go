package telemetry

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// process looks at the memory and the processors that the server takes, by the collector of
// Prometheus, which knows how on each system.
type process struct {
	registry *prometheus.Registry
	last     time.Time // zero: never looked
	seconds  float64   // of processors, until then
}

// usage is what the server takes.
type usage struct {
	memory     float64 // bytes; 0: the system does not say
	processors float64 // since the last look
	known      bool    // reports whether processors is known
}

func newProcess() *process {
	p := &process{registry: prometheus.NewRegistry()}
	p.registry.MustRegister(processCollector())
	return p
}

func processCollector() prometheus.Collector {
	return collectors.NewProcessCollector(collectors.ProcessCollectorOpts{Namespace: "trit"})
}

func (p *process) look(now time.Time) (u usage) {
	families, err := p.registry.Gather()
	if err != nil {
		return u // as on a system that does not say
	}
	for _, f := range families {
		switch f.GetName() {
		case "trit_process_resident_memory_bytes":
			u.memory = f.GetMetric()[0].GetGauge().GetValue()
		case "trit_process_cpu_seconds_total":
			seconds := f.GetMetric()[0].GetCounter().GetValue()
			if passed := now.Sub(p.last).Seconds(); !p.last.IsZero() && passed > 0 {
				u.processors, u.known = max(0, seconds-p.seconds)/passed, true
			}
			p.last, p.seconds = now, seconds
		}
	}
	return u
}

// connections counts open connections.
type connections struct{ n atomic.Int64 }

// Listener counts the connections that a listener accepts, until they are closed.
func (t *Telemetry) Listener(l net.Listener) net.Listener { return &listener{l, &t.open} }

type listener struct {
	net.Listener
	open *connections
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.n.Add(1)
	return &conn{Conn: c, closed: sync.OnceFunc(func() { l.open.n.Add(-1) })}, nil
}

type conn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.closed()
	return c.Conn.Close()
}
