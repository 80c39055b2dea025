package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"trit/internal/jsonfile"
)

// Limits of a tokenizer's files, checked before memory is allocated. The largest vocabularies
// in use have 262,144 tokens and files of 35 MB.
const (
	maxFileBytes      = 64 << 20 // tokenizer.json, tokenizer.model
	maxSideFileBytes  = 16 << 20
	maxTokens         = 1 << 22
	maxMerges         = 1 << 22
	maxAdded          = 1 << 16
	maxHoles          = 1 << 16 // ids below the largest that no token has
	maxTokenBytes     = 1 << 14
	maxPieceBytes     = 1 << 10 // of a SentencePiece token that is made by merging
	maxComponentBytes = 1 << 20 // of a normaliser, pre-tokenizer, post-processor or decoder
	maxNesting        = 8       // of sequences of normalisers and the like
	maxPatternBytes   = 1 << 14 // of a regular expression
	maxGrowth         = 1 << 8  // factor by which replacing may lengthen a text
	maxTemplateTokens = 1 << 6  // before and after a text
)

// FormatError is a tokenizer file that breaks its format.
type FormatError struct{ File, Field, Problem string }

// Error names the file, the field and the problem.
func (e *FormatError) Error() string { return fmt.Sprintf("%s: %s: %s", e.File, e.Field, e.Problem) }

// UnsupportedError is a part of a tokenizer that this package cannot run faithfully.
type UnsupportedError struct{ Field, Kind string }

// Error names the field and its type.
func (e *UnsupportedError) Error() string {
	const wanted = "want byte-level BPE or BPE with byte fallback"
	return fmt.Sprintf("tokenizer.json: %s: type %q is not supported: %s", e.Field, e.Kind, wanted)
}

// broken makes the FormatError of a field of tokenizer.json.
func broken(field, format string, args ...any) error {
	return &FormatError{"tokenizer.json", field, fmt.Sprintf(format, args...)}
}

// addedList is the list of added tokens. Its length is limited while it is read, since three
// bytes of JSON make a token of many more bytes.
type addedList []addedToken

func (l *addedList) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("added_tokens is not a list")
	}
	for dec.More() {
		if len(*l) == maxAdded {
			return fmt.Errorf("there are more than %d added tokens", maxAdded)
		}
		var a addedToken
		if err := dec.Decode(&a); err != nil {
			return err
		}
		*l = append(*l, a)
	}
	return nil
}

// parseComponent reads a normaliser or the like. It is nil if the file has null or nothing.
func parseComponent(field string, raw json.RawMessage) (*component, error) {
	if len(raw) > maxComponentBytes {
		return nil, broken(field, "%d bytes: want at most %d", len(raw), maxComponentBytes)
	}
	if len(raw) == 0 {
		return nil, nil
	}
	var c *component
	if err := jsonfile.Decode(raw, &c); err != nil {
		return nil, broken(field, "%v", err)
	}
	return c, nil
}
