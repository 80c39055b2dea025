// Package ollama serves models by the API of Ollama: chats, continuations, embeddings and the list
// of models. Models keep their names, and are found by NAME:latest too. They cannot be changed:
// nothing is pulled, created, copied or deleted. keep_alive is not heeded: the server decides when
// it unloads a model.
package ollama

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"trit/serve/answer"
	"trit/serve/wire"
)

// Options are what the API needs beside models.
type Options struct {
	Log *slog.Logger // gets the errors that clients must not see; nil: slog.Default
	Now func() time.Time
}

// apiVersion is the version of Ollama whose API this is: the first with log-probabilities. Clients
// ask for it to know what they can use.
const apiVersion = "0.12.11"

// api serves the API.
type api struct {
	models answer.Models
	now    func() time.Time
	shape  wire.Shape
}

// New makes the handlers of the API, by their patterns for http.ServeMux.
func New(models answer.Models, o Options) map[string]http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &api{models, o.Now, wire.Shape{Log: o.Log, Write: WriteError, Names: fieldNames}}
	handlers := map[string]http.Handler{}
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /api/version": a.version, "GET /api/tags": a.tags, "GET /api/ps": a.loaded, "POST /api/show": a.show,
		"POST /api/chat": a.chat, "POST /api/generate": a.generate,
		"POST /api/embed": a.embed, "POST /api/embeddings": a.embedOne,
		"POST /api/pull": fixed, "POST /api/push": fixed, "POST /api/create": fixed, "POST /api/copy": fixed,
		"DELETE /api/delete": fixed, "POST /api/blobs/{digest}": fixed,
	} {
		handlers[pattern] = a.shape.Handle(f)
	}
	return handlers
}

// fieldNames are the API's names of fields of answer.Request.
var fieldNames = map[string]string{
	"stop": "options.stop", "response_format": "format", "temperature": "options.temperature",
	"top_k": "options.top_k", "top_p": "options.top_p", "min_p": "options.min_p",
	"repetition_penalty": "options.repeat_penalty", "presence_penalty": "options.presence_penalty",
	"frequency_penalty": "options.frequency_penalty",
}

// errorBody is an error in the shape of the API, with its code.
type errorBody struct {
	Error string    `json:"error"`
	Code  wire.Code `json:"code"`
}

func newErrorBody(e *wire.Error) errorBody { return errorBody{e.Error(), e.Code} }

// WriteError writes an error in the shape of the API.
func WriteError(w http.ResponseWriter, e *wire.Error) {
	wire.SetRetryAfter(w, e)
	wire.WriteJSON(w, e.Status(), newErrorBody(e))
}

func (a *api) version(w http.ResponseWriter, _ *http.Request) error {
	wire.WriteJSON(w, http.StatusOK, map[string]string{"version": apiVersion})
	return nil
}

// fixed refuses to change models.
func fixed(http.ResponseWriter, *http.Request) error {
	return wire.Errorf(wire.Unsupported, "",
		"the models of this server cannot be changed over HTTP: start it with the files that it is to serve")
}

// latest is the tag that clients put behind names without one.
const latest = ":latest"

// find is what is known of a model by its name in a request; without one, of the first.
func (a *api) find(name string) (answer.Info, error) {
	unknown := &answer.UnknownModelError{ID: name}
	for _, wanted := range []string{name, strings.TrimSuffix(name, latest)} {
		unknown.Known = nil
		for _, i := range a.models.List() {
			if i.ID == wanted || name == "" {
				return i, nil
			}
			unknown.Known = append(unknown.Known, i.ID)
		}
	}
	return answer.Info{}, unknown
}

// open opens a model by its name in a request.
func (a *api) open(r *http.Request, name string) (*answer.Model, func(), error) {
	info, err := a.find(name)
	if err != nil {
		return nil, nil, err
	}
	return a.models.Open(r.Context(), info.ID)
}
