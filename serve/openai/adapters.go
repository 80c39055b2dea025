package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"trit/serve/answer"
	"trit/serve/models"
	"trit/serve/wire"
)

// Adapting are models whose adapters come and go.
type Adapting interface {
	answer.Models
	Add(ctx context.Context, a models.Adapter) error
	Remove(name string) error
}

// Adapters makes the handlers that load and unload adapters, at the addresses that vLLM has for it. A
// client may load those of the folder dir alone, and none if dir is "". It must be allowed to use the
// model, by allowed.
func Adapters(set Adapting, allowed answer.Models, dir string, o Options) map[string]http.Handler {
	l := &adapterLoader{&api{models: allowed, o: o}, set, dir}
	return map[string]http.Handler{
		"POST /v1/load_lora_adapter":   l.handle(l.load),
		"POST /v1/unload_lora_adapter": l.handle(l.unload),
	}
}

type adapterLoader struct {
	*api
	set Adapting
	dir string
}

// loadRequest is the body of a request to load an adapter.
type loadRequest struct {
	Name  string   `json:"lora_name"`
	Path  string   `json:"lora_path"`
	Base  string   `json:"base_model_name"`
	Scale *float64 `json:"scale"` // beyond the API of vLLM
}

func (l *adapterLoader) load(w http.ResponseWriter, r *http.Request) error {
	var b loadRequest
	if err := wire.Decode(r, &b); err != nil {
		return err
	}
	path, err := l.find(b.Path)
	if err != nil {
		return err
	}
	_, release, err := l.models.Open(r.Context(), b.Base)
	if err != nil {
		return err
	}
	release()
	a := models.Adapter{Name: b.Name, Base: b.Base, Path: path, Scale: 1}
	if b.Scale != nil {
		a.Scale = *b.Scale
	}
	if err := l.set.Add(r.Context(), a); err != nil {
		return l.refusal(err, path)
	}
	wire.WriteJSON(w, http.StatusOK, map[string]string{"status": "loaded", "id": b.Name})
	return nil
}

// refusal is the error of an adapter that cannot be loaded. Paths of the server's are no client's
// business.
func (l *adapterLoader) refusal(err error, path string) error {
	var name *models.NameError
	if errors.As(err, &name) {
		return wire.Errorf(wire.InvalidInput, "lora_name", "%s", err)
	}
	if e, hidden := wire.ErrorOf(err); !hidden {
		return e
	}
	text := strings.ReplaceAll(err.Error(), path, filepath.Base(path))
	return wire.Errorf(wire.InvalidInput, "lora_path", "%s", strings.ReplaceAll(text, l.dir, ""))
}

// find is the path of an adapter in the folder, which may be named from its root.
func (l *adapterLoader) find(name string) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", wire.Errorf(wire.NotAllowed, "lora_path", "%s", fmt.Sprintf(format, args...))
	}
	if l.dir == "" {
		return refuse("clients may not load adapters: the server was given no folder of them")
	}
	root, err := filepath.EvalSymlinks(l.dir)
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(name) {
		if name, err = filepath.Rel(root, name); err != nil {
			return refuse("it is outside of the folder of adapters")
		}
	}
	if !filepath.IsLocal(name) {
		return refuse("it is outside of the folder of adapters")
	}
	path, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		return "", wire.Errorf(wire.InvalidInput, "lora_path", "there is no adapter %q", name)
	}
	if inside, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(inside) || inside == "." {
		return refuse("it is outside of the folder of adapters")
	}
	return path, nil
}

func (l *adapterLoader) unload(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name string `json:"lora_name"`
	}
	if err := wire.Decode(r, &b); err != nil {
		return err
	}
	if l.dir == "" {
		return wire.Errorf(wire.NotAllowed, "lora_name", "clients may not unload adapters: the server has no folder of them")
	}
	_, release, err := l.models.Open(r.Context(), b.Name)
	if err != nil {
		return err
	}
	release()
	if err := l.set.Remove(b.Name); err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, map[string]string{"status": "unloaded", "id": b.Name})
	return nil
}
