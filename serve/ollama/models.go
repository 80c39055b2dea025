package ollama

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"trit/serve/answer"
	"trit/serve/wire"
)

// modelObject describes a model in a list.
type modelObject struct {
	Name     string    `json:"name"`
	Model    string    `json:"model"`
	Modified time.Time `json:"modified_at"`
	Size     int64     `json:"size"`
	Digest   string    `json:"digest"`
	Details  details   `json:"details"`
	// Of a loaded model.
	VRAM    *int64 `json:"size_vram,omitempty"`
	Context int    `json:"context_length,omitempty"`
}

// details describe the weights of a model.
type details struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
}

func objectOf(i answer.Info) modelObject {
	return modelObject{
		Name: i.ID, Model: i.ID, Modified: i.Modified, Size: i.Bytes, Digest: digest(i), Details: detailsOf(i),
	}
}

func detailsOf(i answer.Info) details {
	return details{
		Format: "gguf", Family: i.Architecture, Families: []string{i.Architecture},
		ParameterSize: parameterSize(i.Parameters), QuantizationLevel: i.Type,
	}
}

// digest tells versions of a model apart. As Ollama's own, it is one of the description of a model,
// not of its weights.
func digest(i answer.Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", i.ID, i.Bytes, i.Modified.UnixNano()))
	return hex.EncodeToString(sum[:])
}

// parameterSize is a number of parameters as people say it, such as 2.4B.
func parameterSize(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2fK", float64(n)/1e3)
}

// tags lists the models.
func (a *api) tags(w http.ResponseWriter, r *http.Request) error {
	list := []modelObject{}
	for _, i := range answer.ListFor(r.Context(), a.models) {
		list = append(list, objectOf(i))
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"models": list})
	return nil
}

// loaded lists the models that are loaded, if that is known.
func (a *api) loaded(w http.ResponseWriter, r *http.Request) error {
	list := []modelObject{}
	names := answer.Loaded(a.models)
	for _, i := range answer.ListFor(r.Context(), a.models) {
		if slices.Contains(names, i.ID) {
			o := objectOf(i)
			o.VRAM, o.Context = new(int64), i.Context
			list = append(list, o)
		}
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{"models": list})
	return nil
}

// show describes a model.
func (a *api) show(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Model string `json:"model"`
		Name  string `json:"name"` // the older name of the field
	}
	if err := wire.Decode(r, &body, "verbose"); err != nil {
		return err
	}
	if body.Model == "" {
		body.Model = body.Name
	}
	i, err := a.find(body.Model)
	if err != nil {
		return err
	}
	can := []string{"completion"}
	if i.Chat {
		can = append(can, "tools")
	}
	wire.WriteJSON(w, http.StatusOK, map[string]any{
		"details": detailsOf(i), "modified_at": i.Modified, "capabilities": can,
		"model_info": map[string]any{
			"general.architecture": i.Architecture, "general.parameter_count": i.Parameters,
			strings.ToLower(i.Architecture) + ".context_length": i.Context,
		},
	})
	return nil
}
