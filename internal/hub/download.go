package hub

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

const (
	goodWay    = 64 << 10  // bytes of progress after which the count of a range's failures is 0 again
	bufferSize = 256 << 10 // bytes of a read from the network and of a write to the file
)

// errWhole says that a server sends the whole file when asked for a range.
var errWhole = errors.New("the server sends no ranges")

// download is one file that is being fetched.
type download struct {
	*transfer
	source *source
	part   *partial
	came   atomic.Int64 // bytes that were reported as progress
	kept   int64        // bytes of ranges that an earlier call has fetched
}

// download fetches the missing ranges of a file, several at the same time; from a server that
// sends no ranges, the whole file in one stream.
func (t *transfer) download(ctx context.Context, s *source, work string) (err error) {
	f, err := t.learn(ctx, s)
	if err != nil {
		return err
	}
	part, done, err := openPartial(ctx, work, f, orDefault(t.Range, defaultRange))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.close()) }()
	d := &download{transfer: t, source: s, part: part}
	err = d.ranges(ctx, done)
	if errors.Is(err, errWhole) {
		d.add(-d.came.Load())
		d.count.add(0, d.kept)
		_, err = d.span(ctx, 0, f.size)
	}
	if err != nil {
		return err
	}
	return part.data.Sync()
}

func (d *download) add(n int64) {
	d.came.Add(n)
	d.count.add(n, 0)
}

func (d *download) ranges(ctx context.Context, done map[int64]uint32) error {
	var missing []int64
	for i := range d.part.ranges() {
		if _, whole := done[i]; !whole {
			missing = append(missing, i)
			continue
		}
		from, to := d.part.span(i)
		d.kept += to - from
	}
	d.count.add(0, -d.kept)
	return forEach(ctx, cap(d.slots), int64(len(missing)), func(ctx context.Context, i int64) error {
		from, to := d.part.span(missing[i])
		sum, err := d.span(ctx, from, to)
		if err != nil {
			return err
		}
		return d.part.add(missing[i], sum)
	})
}

// span fetches the bytes from..to and returns their CRC. Each try begins where the last one
// ended.
func (d *download) span(ctx context.Context, from, to int64) (sum uint32, err error) {
	w := &rangeWriter{download: d, from: from, at: from, to: to}
	err = d.retry(ctx, orDefault(d.Tries, defaultTries), func() (bool, error) {
		before := w.at
		err := d.try(ctx, w)
		return w.at-before >= goodWay, err
	})
	return w.sum, err
}

// try asks for the rest of a range once.
func (d *download) try(ctx context.Context, w *rangeWriter) error {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, address, tag, err := d.source.located(ctx)
	if err != nil {
		return err
	}
	r, err := d.send(ctx, request{method: http.MethodGet, url: address, header: w.header(tag)})
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if err := d.accept(r, address, w); err != nil {
		return err
	}
	return w.copy(r)
}

// accept compares an answer with the request.
func (d *download) accept(r *response, address *url.URL, w *rangeWriter) error {
	size := d.part.f.size
	switch r.StatusCode {
	case http.StatusPartialContent:
		d.source.tagged(address, r.Header.Get("ETag"))
		if got := r.Header.Get("Content-Range"); !w.isNext(got) {
			return fmt.Errorf("%s: %s sends the range %q: want bytes %d-%d/%d", d.part.f.path, address.Host, clip(got), w.at,
				w.to-1, size)
		}
		return nil
	case http.StatusOK:
		if w.from != 0 || w.to != size {
			return errWhole
		}
		if r.ContentLength >= 0 && r.ContentLength != size {
			return &MismatchError{d.part.f.path, fmt.Sprintf("%d bytes", size),
				fmt.Sprintf("%d from %s", r.ContentLength, r.Request.URL.Host)}
		}
		w.restart()
		return nil
	case http.StatusRequestedRangeNotSatisfiable:
		return &MismatchError{d.part.f.path, fmt.Sprintf("%d bytes", size),
			fmt.Sprintf("%q from %s", clip(r.Header.Get("Content-Range")), r.Request.URL.Host)}
	}
	err := d.statusError(r, d.part.f.path)
	if err.expired {
		d.source.expired(address)
	}
	return err
}

// rangeWriter writes the bytes of a range to their positions in the file.
type rangeWriter struct {
	*download
	from, at, to int64
	sum          uint32
}

// header asks for the rest of the range; it is nil for a whole file from its beginning. With
// If-Range a server whose file has changed sends all of it.
func (w *rangeWriter) header(tag string) map[string]string {
	if w.at == 0 && w.to == w.part.f.size {
		return nil
	}
	h := map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", w.at, w.to-1)}
	if tag != "" {
		h["If-Range"] = tag
	}
	return h
}

// isNext reports whether a Content-Range begins where the range goes on.
func (w *rangeWriter) isNext(contentRange string) bool {
	var from, to int64
	span, size, _ := strings.Cut(contentRange, "/")
	n, err := fmt.Sscanf(span, "bytes %d-%d", &from, &to)
	return err == nil && n == 2 && from == w.at && to >= from && (size == "*" || size == fmt.Sprint(w.part.f.size))
}

// restart begins the range again.
func (w *rangeWriter) restart() {
	w.add(w.from - w.at)
	w.at, w.sum = w.from, 0
}

// copy writes a body until the range is full. A body that ends earlier is an error.
func (w *rangeWriter) copy(r *response) error {
	buffer := make([]byte, min(bufferSize, w.to-w.at))
	for w.at < w.to {
		n, err := r.Body.Read(buffer[:min(int64(len(buffer)), w.to-w.at)])
		if err := w.write(buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF && w.at < w.to {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && w.at < w.to {
			return r.broken(err)
		}
	}
	return nil
}

func (w *rangeWriter) write(b []byte) error {
	if _, err := w.part.data.WriteAt(b, w.at); err != nil {
		return err
	}
	w.at += int64(len(b))
	w.sum = crc32.Update(w.sum, castagnoli, b)
	w.add(int64(len(b)))
	return nil
}
