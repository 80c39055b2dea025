package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// verify checks a file's size and hash: the sha256 of an LFS file, else git's sha1 of
// "blob SIZE\0" and the contents.
func verify(ctx context.Context, name string, f file) error {
	return verifyCounted(ctx, name, f, func(int) {})
}

// verifyCounted is verify that tells how many bytes it has read.
func verifyCounted(ctx context.Context, name string, f file, read func(n int)) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if f.size >= 0 && info.Size() != f.size {
		return &MismatchError{f.path, fmt.Sprintf("%d bytes", f.size), fmt.Sprintf("%d", info.Size())}
	}
	f.size = info.Size()
	sum, kind := newHash(f)
	if _, err := io.Copy(sum, contextReader{ctx, in, read}); err != nil {
		return err
	}
	if found := hex.EncodeToString(sum.Sum(nil)); found != f.hash {
		return &MismatchError{f.path, kind + " " + f.hash, found}
	}
	return nil
}

func newHash(f file) (sum hash.Hash, kind string) {
	if sha256Hex.MatchString(f.hash) {
		return sha256.New(), "sha256"
	}
	sum = sha1.New()
	fmt.Fprintf(sum, "blob %d\x00", f.size)
	return sum, "git sha1"
}

// contextReader fails when its context has ended, and tells how many bytes it has read.
type contextReader struct {
	ctx  context.Context
	r    io.Reader
	read func(n int)
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.read(n)
	return n, err
}
