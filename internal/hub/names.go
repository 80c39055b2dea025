package hub

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the greatest length of a path in a repository, and of a revision, in bytes.
const maxName = 1024

var (
	idPart    = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?$`)
	commitHex = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ParseRepo reads OWNER/NAME or OWNER/NAME@REVISION.
func ParseRepo(kind Kind, text string) (Repo, error) {
	id, revision, pinned := strings.Cut(text, "@")
	if pinned && revision == "" {
		return Repo{}, fmt.Errorf("%q names no revision after the @", text)
	}
	r := Repo{Kind: kind, ID: id, Revision: revision}
	if revision == "" {
		r.Revision = DefaultRevision
	}
	return r, r.validate()
}

// String returns OWNER/NAME@REVISION.
func (r Repo) String() string { return r.ID + "@" + r.Revision }

// validate checks the Hub's rules for names. A name that keeps them is safe as a folder's
// name, too.
func (r Repo) validate() error {
	if r.Kind != Model && r.Kind != Dataset {
		return fmt.Errorf("the kind of a repository is %q: want %s or %s", r.Kind, Model, Dataset)
	}
	parts := strings.Split(r.ID, "/")
	good := len(parts) <= 2 && !strings.Contains(r.ID, "--") && !strings.Contains(r.ID, "..") &&
		!strings.HasSuffix(r.ID, ".git")
	for _, p := range parts {
		good = good && idPart.MatchString(p)
	}
	if !good {
		return fmt.Errorf("%q is no name of a repository: want OWNER/NAME of letters, digits, '-', '_' and '.'", r.ID)
	}
	if err := validPath(r.Revision); err != nil {
		return fmt.Errorf("the revision %w", err)
	}
	return nil
}

// validPath refuses a path that could lead out of the folder that it is joined to, on any
// system.
func validPath(p string) error {
	switch {
	case p == "" || len(p) > maxName:
		return fmt.Errorf("has a name of %d bytes: want 1 to %d", len(p), maxName)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return fmt.Errorf("%q holds characters that no name may have", p)
	case strings.Contains(p, `\`):
		return fmt.Errorf("%q holds a backslash", p)
	case !filepath.IsLocal(filepath.FromSlash(p)):
		return fmt.Errorf("%q leads out of its folder", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q is not a plain path", p)
		}
	}
	return nil
}

// hashName returns the name of a blob from the entity tag of a header, as huggingface_hub
// does.
func hashName(tag string) string { return strings.Trim(strings.TrimLeft(tag, "W/"), `"`) }

// validHash reports whether a name is a git blob's sha1 or an LFS file's sha256, in hex.
func validHash(name string) bool { return commitHex.MatchString(name) || sha256Hex.MatchString(name) }
