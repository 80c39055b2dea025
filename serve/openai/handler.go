// Package openai serves models by the API of OpenAI: completions, chat completions, responses,
// embeddings and the list of models; and /tokenize and /detokenize, as llama-server has them.
package openai

import (
	"log/slog"
	"net/http"
	"time"

	"trit/serve/answer"
	"trit/serve/wire"
)

// Options are what the API needs beside models.
type Options struct {
	Log *slog.Logger // gets the errors that clients must not see; nil: slog.Default
	Now func() time.Time
}

// api serves the API.
type api struct {
	models answer.Models
	o      Options
}

// New makes the handlers of the API, by their patterns for http.ServeMux.
func New(models answer.Models, o Options) map[string]http.Handler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &api{models, o}
	return map[string]http.Handler{
		"GET /v1/models":            a.handle(a.listModels),
		"GET /v1/models/{model...}": a.handle(a.showModel),
		"POST /v1/completions":      a.handle(a.complete),
		"POST /v1/chat/completions": a.handle(a.chat),
		"POST /v1/responses":        a.handle(a.respond),
		"POST /v1/embeddings":       a.handle(a.embed),
		"POST /tokenize":            a.handle(a.tokenize),
		"POST /detokenize":          a.handle(a.detokenize),
	}
}

// handle makes a handler of a function whose error is the answer, if nothing was written before.
func (a *api) handle(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			WriteError(w, a.hide(err))
		}
	})
}

// hide turns an error into one for the client, and logs what the client does not see.
func (a *api) hide(err error) *wire.Error {
	e, hidden := wire.ErrorOf(err)
	if hidden {
		a.o.Log.Error("a request failed", "error", err)
	}
	return e
}

// errorBody is an error in the shape of the API.
type errorBody struct {
	Error struct {
		Message string    `json:"message"`
		Type    string    `json:"type"`
		Param   *string   `json:"param"`
		Code    wire.Code `json:"code"`
	} `json:"error"`
}

func newErrorBody(e *wire.Error) (b errorBody) {
	b.Error.Message, b.Error.Code, b.Error.Type = e.Error(), e.Code, "invalid_request_error"
	if e.Field != "" {
		b.Error.Param = &e.Field
	}
	switch status := e.Status(); {
	case status >= http.StatusInternalServerError:
		b.Error.Type = "server_error"
	case status == http.StatusTooManyRequests:
		b.Error.Type = "rate_limit_error"
	case status == http.StatusUnauthorized:
		b.Error.Type = "authentication_error"
	case status == http.StatusForbidden:
		b.Error.Type = "permission_error"
	}
	return b
}

// WriteError writes an error in the shape of the API.
func WriteError(w http.ResponseWriter, e *wire.Error) {
	wire.SetRetryAfter(w, e)
	wire.WriteJSON(w, e.Status(), newErrorBody(e))
}

// modelObject describes a model.
type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	// Beyond the API of OpenAI.
	ContextLength int    `json:"context_length,omitempty"`
	Architecture  string `json:"architecture,omitempty"`
	Type          string `json:"type,omitempty"`
	Parameters    int64  `json:"parameters,omitempty"`
	Chat          bool   `json:"chat"`
	Parent        string `json:"parent,omitempty"` // of an adapter, its model, as vLLM has it
}

func objectOf(i answer.Info) modelObject {
	return modelObject{
		ID: i.ID, Object: "model", Created: i.Modified.Unix(), OwnedBy: "local",
		ContextLength: i.Context, Architecture: i.Architecture, Type: i.Type, Parameters: i.Parameters, Chat: i.Chat,
		Parent: i.Base,
	}
}

func (a *api) listModels(w http.ResponseWriter, r *http.Request) error {
	list := []modelObject{}
	for _, i := range answer.ListFor(r.Context(), a.models) {
		list = append(list, objectOf(i))
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
	return nil
}

func (a *api) showModel(w http.ResponseWriter, r *http.Request) error {
	id, unknown := r.PathValue("model"), &answer.UnknownModelError{}
	for _, i := range answer.ListFor(r.Context(), a.models) {
		if i.ID == id {
			wire.WriteJSON(w, http.StatusOK, objectOf(i))
			return nil
		}
		unknown.Known = append(unknown.Known, i.ID)
	}
	unknown.ID = id
	return unknown
}
