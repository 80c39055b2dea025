package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"trit/internal/atomicfile"
	"trit/tokenizer"
)

// Save writes all messages to a file as JSON: an object with the key "messages". It replaces
// a file that is there only if over is set.
func (c *Conversation) Save(path string, over bool) error {
	messages := c.messages
	if messages == nil {
		messages = []tokenizer.Message{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"messages": messages}); err != nil {
		return err
	}
	if over {
		return atomicfile.WriteBytes(path, b.Bytes())
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: %s %s replaces it", path, SaveOver, path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
