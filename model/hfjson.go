package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// checkTwice refuses an object in which a key stands twice, for programs differ in which of the
// two they take. inner tells it to look into the objects in it too. What is no object is left
// to the decoder.
func checkTwice(b []byte, inner bool) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("%s stands twice: take one of the two out of the file", plain(name))
		}
		seen[name] = true
		if !inner {
			continue
		}
		if err := checkTwice(value, false); err != nil {
			return fmt.Errorf("%s: %w", plain(name), err)
		}
	}
	return nil
}
