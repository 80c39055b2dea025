// Package models holds the models of a server: they are loaded when they are asked for, and
// unloaded when their memory is needed or nobody has used them for a while.
package models

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"trit/lm"
	"trit/serve/answer"
)

// Options are limits of Models.
type Options struct {
	// Memory is the most bytes of all models that are loaded, with their caches; 0: no limit.
	// Cost is what a model takes; nil: its file.
	Memory int64
	Cost   func(answer.Info) int64
	// Idle is how long a model stays loaded that nobody uses; 0: for ever.
	Idle time.Duration
	// Load loads a model. The closer unloads it, once nobody uses it.
	Load func(ctx context.Context, info answer.Info) (*answer.Model, io.Closer, error)
	// Log gets a line for each model that is loaded or unloaded; nil: nobody does.
	Log func(line string)
}

// Models are some models, of which some are loaded. It implements answer.Models.
type Models struct {
	o    Options
	list []*entry

	mu   sync.Mutex // guards the entries
	stop chan struct{}
}

var _ answer.Models = (*Models)(nil)

// entry is a model.
type entry struct {
	info    answer.Info
	model   *answer.Model // nil: not loaded
	closer  io.Closer
	users   int
	last    time.Time     // of the last use
	loading chan struct{} // closed when loading has ended; nil: it is not being loaded
}

// New makes Models of a list whose first is the default. Names must differ. The caller closes it.
func New(list []answer.Info, o Options) (*Models, error) {
	if o.Cost == nil {
		o.Cost = func(i answer.Info) int64 { return i.Bytes }
	}
	m := &Models{o: o, stop: make(chan struct{})}
	for _, info := range list {
		if m.find(info.ID) != nil {
			return nil, fmt.Errorf("two models have the name %s: rename one of the files", info.ID)
		}
		if o.Memory > 0 && o.Cost(info) > o.Memory {
			return nil, fmt.Errorf("%s takes %d MB, and all models together may take %d MB: allow more, or leave it out",
				info.ID, o.Cost(info)>>20, o.Memory>>20)
		}
		m.list = append(m.list, &entry{info: info})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no model")
	}
	if o.Idle > 0 {
		go m.watch()
	}
	return m, nil
}

// List implements answer.Models.
func (m *Models) List() []answer.Info {
	list := make([]answer.Info, len(m.list))
	for i, e := range m.list {
		list[i] = e.info
	}
	return list
}

// Loaded returns the names of the models that are loaded.
func (m *Models) Loaded() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.list {
		if e.model != nil {
			names = append(names, e.info.ID)
		}
	}
	return names
}

func (m *Models) find(id string) *entry {
	if id == "" && len(m.list) > 0 {
		return m.list[0]
	}
	at := slices.IndexFunc(m.list, func(e *entry) bool { return e.info.ID == id })
	if at < 0 {
		return nil
	}
	return m.list[at]
}

// Open implements answer.Models.
func (m *Models) Open(ctx context.Context, id string) (*answer.Model, func(), error) {
	e := m.find(id)
	if e == nil {
		err := &answer.UnknownModelError{ID: id}
		for _, e := range m.list {
			err.Known = append(err.Known, e.info.ID)
		}
		return nil, nil, err
	}
	for {
		model, wait, err := m.use(ctx, e)
		switch {
		case err != nil:
			return nil, nil, err
		case model != nil:
			return model, sync.OnceFunc(func() { m.release(e) }), nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// use returns a model if it is loaded, and loads it if nobody does. If somebody does, it returns
// what to wait for.
func (m *Models) use(ctx context.Context, e *entry) (*answer.Model, <-chan struct{}, error) {
	m.mu.Lock()
	switch {
	case e.model != nil:
		e.users++
		defer m.mu.Unlock()
		return e.model, nil, nil
	case e.loading != nil:
		defer m.mu.Unlock()
		return nil, e.loading, nil
	}
	unloaded, err := m.makeSpace(e)
	if err != nil {
		m.mu.Unlock()
		return nil, nil, err
	}
	e.loading = make(chan struct{})
	m.mu.Unlock()
	for _, c := range unloaded {
		c.Close()
	}
	return m.load(ctx, e)
}

// load loads a model for its first user.
func (m *Models) load(ctx context.Context, e *entry) (*answer.Model, <-chan struct{}, error) {
	start := time.Now()
	model, closer, err := m.o.Load(context.WithoutCancel(ctx), e.info)
	m.mu.Lock()
	defer m.mu.Unlock()
	close(e.loading)
	e.loading = nil
	if err != nil {
		return nil, nil, err
	}
	e.model, e.closer, e.users = model, closer, 1
	m.log("%s: loaded in %.1f s", e.info.ID, time.Since(start).Seconds())
	return model, nil, nil
}

// makeSpace unloads models that nobody uses, the one that was not used for longest first, until
// another one fits.
func (m *Models) makeSpace(wanted *entry) (unloaded []io.Closer, err error) {
	if m.o.Memory == 0 {
		return nil, nil
	}
	for {
		taken, oldest := m.o.Cost(wanted.info), (*entry)(nil)
		for _, e := range m.list {
			if e.model == nil && e.loading == nil {
				continue
			}
			taken += m.o.Cost(e.info)
			if e.model != nil && e.users == 0 && (oldest == nil || e.last.Before(oldest.last)) {
				oldest = e
			}
		}
		switch {
		case taken <= m.o.Memory:
			return unloaded, nil
		case oldest == nil:
			return unloaded, &lm.BusyError{Waiting: 1, RetryAfter: busyAgain}
		}
		unloaded = append(unloaded, m.unload(oldest))
	}
}

// busyAgain is when a client may try again whose model has no space beside those in use.
const busyAgain = 5 * time.Second

// unload forgets a model that nobody uses, and returns what to close.
func (m *Models) unload(e *entry) io.Closer {
	c := e.closer
	e.model, e.closer = nil, nil
	m.log("%s: unloaded", e.info.ID)
	return c
}

func (m *Models) release(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.users--
	e.last = time.Now()
}

// watch unloads models that nobody has used for a while.
func (m *Models) watch() {
	tick := time.NewTicker(m.o.Idle / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.sweep(time.Now().Add(-m.o.Idle))
		case <-m.stop:
			return
		}
	}
}

// sweep unloads the models that nobody has used since a time.
func (m *Models) sweep(since time.Time) {
	m.mu.Lock()
	var unloaded []io.Closer
	for _, e := range m.list {
		if e.model != nil && e.users == 0 && e.last.Before(since) {
			unloaded = append(unloaded, m.unload(e))
		}
	}
	m.mu.Unlock()
	for _, c := range unloaded {
		c.Close()
	}
}

// Close unloads all models. Nobody may use one any more.
func (m *Models) Close() error {
	close(m.stop)
	m.sweep(time.Now().Add(time.Hour))
	return nil
}

func (m *Models) log(format string, args ...any) {
	if m.o.Log != nil {
		m.o.Log(fmt.Sprintf(format, args...))
	}
}
