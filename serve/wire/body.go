package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
)

// Decode reads the body of a request, a JSON object, into v, a pointer to a struct. A field that
// v does not have is an error unless ignored names it: what a client asks for is done or refused.
// http.MaxBytesReader and the server's time limits apply to the body before.
func Decode(r *http.Request, v any, ignored ...string) error {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return Errorf(TooLarge, "", "the body has more than %d bytes", large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Errorf(Timeout, "", "the body did not come in time")
	case err != nil:
		return Errorf(InvalidInput, "", "the body ends early")
	}
	return decode(body, v, ignored)
}

func decode(body []byte, v any, ignored []string) error {
	if len(ignored) > 0 {
		var err error
		if body, err = without(body, ignored); err != nil {
			return err
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Errorf(InvalidInput, "", "the body has something after its JSON object")
	}
	return nil
}

// without is a JSON object without some of its fields.
func without(body []byte, fields []string) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, jsonError(err)
	}
	for _, name := range fields {
		delete(object, name)
	}
	return json.Marshal(object)
}

// jsonError says what is wrong in words of JSON.
func jsonError(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var own *Error // of a type that reads itself
	text := err.Error()
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &kind):
		field := strings.TrimPrefix(kind.Field, "options.") // fields that several bodies embed by this name
		return Errorf(InvalidInput, field, "is a JSON %s, which it must not be", kind.Value)
	case errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(InvalidInput, "", "the body is no JSON object")
	case strings.HasPrefix(text, "json: unknown field "):
		return Errorf(Unsupported, strings.Trim(strings.TrimPrefix(text, "json: unknown field "), `"`), "is not supported")
	}
	return Errorf(InvalidInput, "", "%s", strings.TrimPrefix(text, "json: "))
}

// WriteJSON writes a value as the answer to a request.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) //nolint:errcheck // the client has left: there is nobody to tell
}
