package serving

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/infer/engine"
	"trit/internal/atomicfile"
	"trit/serve/answer"
	"trit/serve/wire"
)

func prefixFlag() cli.Flag {
	return &cli.StringFlag{
		Name:  "prefix-file",
		Usage: "keep what prompts begin with in `FILE`, over restarts; with several models, in a folder",
	}
}

// savePath is where the kept prefixes are saved on demand.
const savePath = "/prefixes/save"

// prefixFiles are the files that hold the kept prefixes of models: read when a model is loaded, written when it
// is unloaded, which the end of the server does too, and on demand.
type prefixFiles struct {
	path   string // "": there are none
	folder bool   // reports whether path is a folder, with a file for each model
	log    *slog.Logger

	mu     sync.Mutex
	loaded map[string]func() error // saves the prefixes of a model
}

// newPrefixFiles takes the flag for some models.
func newPrefixFiles(c *cli.Context, list []answer.Info, log *slog.Logger) (*prefixFiles, error) {
	p := &prefixFiles{path: c.String("prefix-file"), log: log, loaded: map[string]func() error{}}
	if p.path == "" {
		return p, nil
	}
	stat, err := os.Stat(p.path)
	p.folder = err == nil && stat.IsDir() || len(list) > 1
	switch {
	case err == nil && !stat.IsDir() && p.folder:
		return nil, cmdline.Usagef("--prefix-file: %s is a file, and there are %d models: name a folder", p.path, len(list))
	case p.folder:
		err = os.MkdirAll(p.path, 0o700)
	default:
		_, err = os.Stat(filepath.Dir(p.path))
	}
	for _, info := range list {
		if err == nil {
			err = engine.CheckPrefixFile(p.file(info))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--prefix-file: %w", err)
	}
	return p, nil
}

// file is the file of a model.
func (p *prefixFiles) file(info answer.Info) string {
	if !p.folder {
		return p.path
	}
	return filepath.Join(p.path, url.PathEscape(info.ID)+".prefixes")
}

// load makes a function that loads models read their prefixes too, and write them in the end. Without them, a model
// begins with none.
func (p *prefixFiles) load(next loadFunc) loadFunc {
	if p.path == "" {
		return next
	}
	return func(ctx context.Context, info answer.Info) (*answer.Model, io.Closer, error) {
		m, closer, err := next(ctx, info)
		if err != nil {
			return nil, nil, err
		}
		of, ok := m.Generator.(*engine.Engine)
		sum, err := fingerprint(info)
		if !ok || err != nil {
			p.log.Warn("the prefixes are not kept", "model", info.ID, "error", err)
			return m, closer, nil
		}
		if err := of.LoadPrefixes(p.file(info), sum); err != nil {
			p.log.Warn("no prefix is taken from the file", "model", info.ID, "error", err)
		}
		save := func() error { return of.SavePrefixes(p.file(info), sum) }
		p.mu.Lock()
		defer p.mu.Unlock()
		p.loaded[info.ID] = save
		return m, &leaving{closer, func() { p.leave(info, save) }}, nil
	}
}

// leave saves the prefixes of a model that is being unloaded.
func (p *prefixFiles) leave(info answer.Info, save func() error) {
	p.mu.Lock()
	delete(p.loaded, info.ID)
	p.mu.Unlock()
	if err := save(); err != nil {
		p.log.Error("the prefixes are not saved", "model", info.ID, "error", err)
	}
}

// handlers are the address that saves on demand, by its pattern for http.ServeMux.
func (p *prefixFiles) handlers() map[string]http.Handler {
	if p.path == "" {
		return nil
	}
	return map[string]http.Handler{"POST " + savePath: http.HandlerFunc(p.save)}
}

func (p *prefixFiles) save(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	all := maps.Clone(p.loaded)
	p.mu.Unlock()
	models := slices.Sorted(maps.Keys(all))
	for _, id := range models {
		if err := all[id](); err != nil {
			p.log.Error("the prefixes are not saved", "model", id, "error", err)
			e := wire.Errorf(wire.Internal, "", "the prefixes of %s are not saved: the server's log says why", id)
			wire.WriteJSON(w, e.Status(), map[string]any{"error": map[string]string{"code": string(e.Code), "message": e.Text}})
			return
		}
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"saved": append([]string{}, models...)})
}

// fingerprint names a model and its weights, which decide what its prefixes hold.
func fingerprint(info answer.Info) (string, error) {
	sum, err := atomicfile.SHA256(info.Path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (sha256 %.32s)", info.ID, sum), nil
}
