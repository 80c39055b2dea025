package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"trit/setting"
)

// resolve returns all files of the repository at the job's revision, and the ones that the
// patterns choose. It asks the Hub, unless nothing is to be verified and the revision is a commit
// whose list is in the cache, since a commit never changes. If the Hub does not answer and the
// cache has all chosen files, it takes the list of the cache.
func (j *job) resolve(ctx context.Context, p Patterns) (all, chosen listing, err error) {
	cached, cacheErr := j.cache.listing(j.repo.Revision)
	if j.offline {
		if cacheErr != nil {
			return all, chosen, j.notCached(cacheErr)
		}
		return j.takeCached(cached, p)
	}
	if cacheErr == nil && cached.listed && cached.commit == j.repo.Revision && !j.Verify {
		return j.chosen(cached, p)
	}
	whole := cacheErr == nil && j.has(cached.choose(p))
	tries := orDefault(j.Tries, defaultTries)
	if whole {
		tries = 1
	}
	if all, err = j.fetchListing(ctx, tries); err == nil {
		return j.chosen(all, p)
	}
	if whole && isDown(err) && ctx.Err() == nil {
		j.warn(err)
		return j.takeCached(cached, p)
	}
	return all, chosen, err
}

// isDown reports whether an error says that a server does not answer at present.
func isDown(err error) bool {
	var unreachable *UnreachableError
	_, again := temporary(err)
	return again || errors.As(err, &unreachable)
}

// has reports whether the cache has all files of a listing, and at least one.
func (j *job) has(l listing) bool {
	p := &cacheStore{cacheDir: j.cache, commit: l.commit}
	for _, f := range l.files {
		if !p.has(f) {
			return false
		}
	}
	return len(l.files) > 0
}

// takeCached takes the cache's listing instead of the Hub's, and tells the user.
func (j *job) takeCached(l listing, p Patterns) (all, chosen listing, err error) {
	j.offline = true
	note := ""
	if !l.listed {
		note = "; no list says whether it is whole"
	}
	j.notice("taking %s from the cache: commit %s%s", j.repo, l.commit, note)
	return j.chosen(l, p)
}

func (j *job) notCached(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return setting.Needs("hub.Client.Offline", fmt.Sprintf("the cache %s has no %s %s", j.Cache, j.repo.Kind, j.repo),
			"leave out {hub.Client.Offline} to fetch it")
	}
	return err
}

func (j *job) chosen(l listing, p Patterns) (all, chosen listing, err error) {
	if chosen = l.choose(p); len(chosen.files) > 0 {
		return l, chosen, nil
	}
	wanted := "none of the files that are wanted"
	if p.Choose == nil {
		wanted = fmt.Sprintf("no file that %q includes and %q does not exclude", p.Include, p.Exclude)
	}
	return l, chosen, fmt.Errorf("%s has %s; it has %d files: %s", j.repo, wanted, len(l.files),
		strings.Join(l.paths()[:min(8, len(l.files))], ", "))
}
