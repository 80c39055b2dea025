package models

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"trit/serve/answer"
)

// Adapter is an adapter that requests can choose by its name, as if it were a model.
type Adapter struct {
	Name  string
	Base  string // the model that it is for; "" for the default one
	Path  string
	Scale float64
}

// Adapters are Models and adapters of them, which come and go while the server runs. It implements
// answer.Models.
type Adapters struct {
	*Models
	load LoadAdapter

	mu   sync.Mutex // guards what follows, and the fields of its elements
	list []*adapted
}

// LoadAdapter makes a model of a loaded one and an adapter. The closer forgets what was kept for it.
type LoadAdapter func(base *answer.Model, a Adapter) (*answer.Model, io.Closer, error)

var _ answer.Models = (*Adapters)(nil)

// adapted is an adapter with the model that was made of it.
type adapted struct {
	Adapter
	info   answer.Info
	mu     sync.Mutex    // held while it is loaded
	base   *answer.Model // that model was made of; another one when the base was unloaded meanwhile
	model  *answer.Model
	closer io.Closer
}

// WithAdapters makes Adapters without any.
func WithAdapters(m *Models, load LoadAdapter) *Adapters { return &Adapters{Models: m, load: load} }

// NameError is a name of an adapter that cannot be used.
type NameError struct{ Name, Problem string }

// Error implements error.
func (e *NameError) Error() string { return fmt.Sprintf("the adapter %q: %s", e.Name, e.Problem) }

// Add loads an adapter. Its base is loaded if it is not.
func (a *Adapters) Add(ctx context.Context, wanted Adapter) error {
	if err := a.free(wanted.Name); err != nil {
		return err
	}
	base, release, err := a.Models.Open(ctx, wanted.Base)
	if err != nil {
		return err
	}
	defer release()
	wanted.Base = base.ID
	x := &adapted{Adapter: wanted, info: base.Info}
	x.info.ID, x.info.Path, x.info.Base = wanted.Name, wanted.Path, base.ID
	m, err := x.of(base, a.load)
	if err != nil {
		return err
	}
	x.info = m.Info
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.freeLocked(wanted.Name); err != nil {
		return err
	}
	a.list = append(a.list, x)
	a.log("%s: adapter of %s loaded", wanted.Name, base.ID)
	return nil
}

// free returns why a name cannot be an adapter's.
func (a *Adapters) free(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freeLocked(name)
}

func (a *Adapters) freeLocked(name string) error {
	switch {
	case name == "":
		return &NameError{name, "it has no name"}
	case len(name) > maxName:
		return &NameError{name[:maxName], fmt.Sprintf("its name has %d bytes: want %d at most", len(name), maxName)}
	case a.Models.find(name) != nil:
		return &NameError{name, "a model has this name"}
	case a.index(name) >= 0:
		return &NameError{name, "it is loaded already: unload it first, or take another name"}
	case len(a.list) >= maxAdapters:
		return &NameError{name, fmt.Sprintf("%d adapters are loaded, which is the limit: unload one first", len(a.list))}
	}
	return nil
}

// Limits of what clients can make a server keep.
const (
	maxName     = 256
	maxAdapters = 256
)

// index is where an adapter stands, -1 if there is none.
func (a *Adapters) index(name string) int {
	return slices.IndexFunc(a.list, func(x *adapted) bool { return x.Name == name })
}

// Remove unloads an adapter. Answers that are being given go on.
func (a *Adapters) Remove(name string) error {
	a.mu.Lock()
	at := a.index(name)
	if at < 0 {
		a.mu.Unlock()
		return a.unknown(name)
	}
	x := a.list[at]
	a.list = slices.Delete(a.list, at, at+1)
	a.mu.Unlock()
	a.log("%s: adapter unloaded", name)
	return x.close()
}

// unknown is the error of a name that nothing has.
func (a *Adapters) unknown(name string) error {
	err := &answer.UnknownModelError{ID: name}
	for _, i := range a.List() {
		err.Known = append(err.Known, i.ID)
	}
	return err
}

// List implements answer.Models: the models, and then the adapters.
func (a *Adapters) List() []answer.Info {
	list := a.Models.List()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.list {
		list = append(list, x.info)
	}
	return list
}

// Open implements answer.Models.
func (a *Adapters) Open(ctx context.Context, id string) (*answer.Model, func(), error) {
	a.mu.Lock()
	at := a.index(id)
	if at < 0 {
		a.mu.Unlock()
		if id != "" && a.Models.find(id) == nil {
			return nil, nil, a.unknown(id)
		}
		return a.Models.Open(ctx, id)
	}
	x := a.list[at]
	a.mu.Unlock()
	base, release, err := a.Models.Open(ctx, x.Base)
	if err != nil {
		return nil, nil, err
	}
	m, err := x.of(base, a.load)
	if err != nil {
		release()
		return nil, nil, err
	}
	return m, release, nil
}

// of is the model that is made of a loaded base.
func (x *adapted) of(base *answer.Model, load LoadAdapter) (*answer.Model, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.base == base {
		return x.model, nil
	}
	m, closer, err := load(base, x.Adapter)
	if err != nil {
		return nil, err
	}
	chat := m.Info.Chat // the adapter may bring a chat template
	m.Info = x.info
	m.Info.Chat = chat
	x.base, x.model, x.closer = base, m, closer // what was made of another base ended with it
	return m, nil
}

func (x *adapted) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.closer.Close()
}
