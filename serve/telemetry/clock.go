package telemetry

import (
	"runtime"
	"slices"
	"time"

	"trit/serve/telemetry/alert"
	"trit/serve/telemetry/history"
)

// Time is cut into pieces of pieceSeconds: at the end of each, the alerts look at the last minute.
const (
	pieceSeconds = 10
	windowPieces = 60 / pieceSeconds
	gib          = 1 << 30
)

// run looks at the server each second.
func (t *Telemetry) run() {
	defer close(t.stopped)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			t.tick(now)
		case <-t.stop:
			return
		}
	}
}

// tick looks at what can only be looked at.
func (t *Telemetry) tick(now time.Time) {
	engines := t.o.Engines()
	usage := t.process.look(now)
	piece := now.Unix() - now.Unix()%pieceSeconds
	t.mu.Lock()
	ended := t.now.Time != piece
	if ended {
		t.endPiece()
		t.now.Time = piece
	}
	var minute history.Record
	if t.minute.Time != minuteOf(piece) {
		minute, t.minute = t.minute, history.Record{}
	}
	t.look(engines, usage)
	values := t.values()
	t.mu.Unlock()
	t.keep(minute)
	if ended {
		t.alerts.Check(now, values)
	}
}

// look adds what is seen to the last seconds.
func (t *Telemetry) look(engines []Engine, u usage) {
	running, waiting, cache := 0, 0, 0
	for _, e := range engines {
		running, waiting = running+e.Running, waiting+e.Waiting
		cache += e.ReservedBytes + e.KeptBytes
	}
	if running > 0 {
		t.metrics.batch.Observe(float64(running))
	}
	t.now.Running.Add(float64(running))
	t.now.Waiting.Add(float64(waiting))
	t.now.Cache.Add(float64(cache) / gib)
	t.now.Connections.Add(float64(t.open.n.Load()))
	if u.memory > 0 {
		t.now.Memory.Add(u.memory / gib)
	}
	if u.known {
		t.now.Processor.Add(u.processors)
	}
}

// endPiece moves the last seconds to the minute and to the window.
func (t *Telemetry) endPiece() {
	if t.now.Time == 0 { // it has not begun
		return
	}
	if t.minute.Time == 0 {
		t.minute.Time = minuteOf(t.now.Time)
	}
	t.minute.Merge(&t.now)
	t.window = append(t.window, t.now)
	if n := len(t.window) - windowPieces; n > 0 {
		t.window = slices.Delete(t.window, 0, n)
	}
	t.now = history.Record{}
}

// keep writes a minute that has ended.
func (t *Telemetry) keep(minute history.Record) {
	if minute.Time == 0 {
		return
	}
	if err := t.ring.Put(minute); err != nil {
		t.o.Log.Error("a minute was not written", "error", err)
	}
}

func minuteOf(unix int64) int64 { return unix - unix%60 }

// values are what the alerts look at: requests of the last minute, memory and processor of the last
// piece of it.
func (t *Telemetry) values() alert.Values {
	if len(t.window) == 0 {
		return nil
	}
	last := &t.window[len(t.window)-1]
	all := t.lastMinute()
	return alert.Values{
		alert.Memory:    last.Memory.Mean() * gib,
		alert.Processor: last.Processor.Mean() / float64(runtime.GOMAXPROCS(0)),
		alert.Speed:     all.Speed(),
		alert.Errors:    all.FailedShare(),
		alert.Latency:   all.FirstToken.Percentile(.95),
	}
}

// lastMinute is what happened in the window.
func (t *Telemetry) lastMinute() (all history.Record) {
	for i := range t.window {
		all.Merge(&t.window[i])
	}
	return all
}

// records are the minutes from a time to another one, and the one that is not over.
func (t *Telemetry) records(from, to time.Time) []history.Record {
	t.mu.Lock()
	current := t.minute
	if current.Time == 0 {
		current.Time = minuteOf(t.now.Time)
	}
	current.Merge(&t.now)
	t.mu.Unlock()
	list := t.ring.Between(from, to)
	if at := current.Time; at == 0 || at < from.Unix() || at >= to.Unix() {
		return list
	}
	if n := len(list); n > 0 && list[n-1].Time == current.Time { // from before a restart
		list[n-1].Merge(&current)
		return list
	}
	return append(list, current)
}
