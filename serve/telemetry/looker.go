package telemetry

import "github.com/prometheus/client_golang/prometheus"

// looker collects what can be looked at.
type looker struct{ t *Telemetry }

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("trit_"+name, help, labels, nil)
}

var (
	connectionsDesc = description("connections", "Open connections.")
	waitingDesc     = description("requests_waiting", "Requests in the queue of a model.", "model")
	runningDesc     = description("requests_running", "Requests that are being answered.", "model")
	damagedDesc     = description("history_damaged_records",
		"Minutes of the history's file that were damaged when it was opened.")
	alertDesc = description("alerts_active", "Alerts now.")
	cacheDesc = description("cache_bytes",
		"KV caches: reserved for running answers, and kept for later ones.", "model", "use")
)

// Describe implements prometheus.Collector.
func (l *looker) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsDesc, waitingDesc, runningDesc, cacheDesc, damagedDesc, alertDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l *looker) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	gauge(connectionsDesc, int(l.t.open.n.Load()))
	gauge(damagedDesc, l.t.ring.Damaged())
	gauge(alertDesc, len(l.t.alerts.Lists().Active))
	for _, e := range l.t.o.Engines() {
		gauge(waitingDesc, e.Waiting, e.Model)
		gauge(runningDesc, e.Running, e.Model)
		gauge(cacheDesc, e.ReservedBytes, e.Model, "reserved")
		gauge(cacheDesc, e.KeptBytes, e.Model, "kept")
	}
}
