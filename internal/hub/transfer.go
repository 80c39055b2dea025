package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// store takes the fetched files: the cache or a plain folder.
type store interface {
	ready(f file) (bool, error)             // reports whether the file is there
	show(f file) (bool, error)              // is ready for a file whose contents were verified
	place(f file) string                    // path of the file, if it is there
	work(f file) string                     // path of its temporary files, without their suffixes
	lock(f file) string                     // path of the lock of its temporary files; "": none is needed
	seed(f file, part string) (bool, error) // may copy it to part, and reports whether it did
	finish(f file, part string) error       // gives a verified file its name
}

// transfer fetches the files of a listing into a store.
type transfer struct {
	*job
	commit string
	store  store
	slots  chan struct{}    // one for each request for data at the same time
	states map[string]state // of the files that were checked, by path
	count  counter
}

func (j *job) fetchAll(ctx context.Context, p store, l listing, progress Progress) error {
	connections := orDefault(j.Connections, DefaultConnections)
	t := &transfer{job: j, commit: l.commit, store: p, slots: make(chan struct{}, connections),
		count: counter{show: progress}}
	if j.Verify {
		if err := t.check(ctx, l); err != nil {
			return err
		}
	}
	missing, err := t.missing(l)
	if err != nil {
		return err
	}
	return forEach(ctx, connections, int64(len(missing)), func(ctx context.Context, i int64) error {
		for _, f := range missing[i] {
			if err := t.fetch(ctx, f); err != nil {
				return t.named(f, err)
			}
		}
		return nil
	})
}

// missing returns the files that are not ready, in groups of the same contents. The files of a
// group are fetched one after another, so that only the first one comes over the network.
func (t *transfer) missing(l listing) ([][]file, error) {
	var groups [][]file
	of := map[string]int{}
	for _, f := range l.files {
		ok, err := t.isReady(f)
		if err != nil {
			return nil, err
		}
		if ok {
			continue
		}
		t.count.add(0, max(f.size, 0))
		i, known := of[f.hash]
		if !known || f.hash == "" {
			i = len(groups)
			groups, of[f.hash] = append(groups, nil), i
		}
		groups[i] = append(groups[i], f)
	}
	return groups, nil
}

// named puts the name of the file before an error that does not name it.
func (t *transfer) named(f file, err error) error {
	if errors.Is(err, errOffline) {
		return fmt.Errorf("%s of %s is %w", f.path, t.repo, err)
	}
	var disk *os.PathError
	var unreachable *UnreachableError
	if errors.As(err, &disk) || errors.As(err, &unreachable) {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return err
}

// fetch makes one file ready. Only the holder of the lock writes the blob; it looks first
// whether another process has written it meanwhile.
func (t *transfer) fetch(ctx context.Context, f file) error {
	s := &source{j: t.job, commit: t.commit, f: f}
	if f.hash == "" || f.size < 0 {
		known, err := t.learn(ctx, s)
		if err != nil {
			return err
		}
		t.count.add(0, known.size-max(f.size, 0))
		f = known
	}
	if name := t.store.lock(f); name != "" {
		release, err := t.hold(ctx, name, f.path)
		if err != nil {
			return err
		}
		defer release()
	}
	if ok, err := t.isReadyNow(ctx, f); ok || err != nil {
		t.count.add(0, -f.size)
		return err
	}
	return t.complete(ctx, s, f)
}

// learn asks the Hub for the address of a file, and for its hash and size if the list did not say
// them.
func (t *transfer) learn(ctx context.Context, s *source) (f file, err error) {
	if t.offline {
		return f, errOffline
	}
	err = t.retry(ctx, orDefault(t.Tries, defaultTries), func() (bool, error) {
		f, _, _, err = s.located(ctx)
		return false, err
	})
	return f, err
}

// complete fetches a file's bytes, verifies them and gives the file its name.
func (t *transfer) complete(ctx context.Context, s *source, f file) error {
	work := t.store.work(f)
	if err := os.MkdirAll(filepath.Dir(work), 0o777); err != nil {
		return err
	}
	if err := t.fillTemporary(ctx, s, f, work); err != nil {
		var mismatch *MismatchError
		if errors.As(err, &mismatch) {
			os.Remove(partName(work))
			os.Remove(journalName(work))
		}
		return err
	}
	if err := t.store.finish(f, partName(work)); err != nil {
		return err
	}
	if err := os.Remove(journalName(work)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// fillTemporary fills the temporary file with bytes from the cache or the network, and verifies
// them. A copy that is wrong is fetched again.
func (t *transfer) fillTemporary(ctx context.Context, s *source, f file, work string) error {
	seeded, err := t.store.seed(f, partName(work))
	if err != nil {
		return err
	}
	if seeded {
		if err := verify(ctx, partName(work), f); err == nil || t.offline {
			return err
		}
	}
	if err := t.download(ctx, s, work); err != nil {
		return err
	}
	return verify(ctx, partName(work), f)
}

// counter adds up progress of all connections.
type counter struct {
	mu          sync.Mutex
	done, total int64
	show        Progress
}

func (c *counter) add(done, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += done
	c.total += total
	if c.show != nil {
		c.show(c.done, c.total)
	}
}

// forEach calls do for 0 to n-1, on a number of workers. The first error ends all calls and is
// returned.
func forEach(ctx context.Context, workers int, n int64, do func(ctx context.Context, i int64) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	next := make(chan int64)
	for range min(int64(workers), n) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := int64(0); i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
