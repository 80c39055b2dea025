package chat

import (
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
	b, err := json.MarshalIndent(map[string]any{"messages": messages}, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if over {
		return atomicfile.WriteBytes(path, b)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: %s %s replaces it", path, SaveOver, path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
