package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"

	"trit/internal/jsonfile"
	"trit/setting"
)

// cache keeps the results of requests in a file, each as a line of JSON, so that an evaluation
// that was stopped resumes with the same results. Lines are only appended.
type cache struct {
	path    string
	file    *os.File
	results map[string]json.RawMessage
}

// cacheLine is a result and the key of its request.
type cacheLine struct {
	Key    string          `json:"key"`
	Result json.RawMessage `json:"result"`
}

// openCache reads or creates the file. It drops a last line that is incomplete, as a killed
// process leaves it.
func openCache(path string) (*cache, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the cache of requests: %w", err)
	}
	c := &cache{path: path, file: f, results: map[string]json.RawMessage{}}
	if err := c.read(); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

func (c *cache) read() error {
	b, err := io.ReadAll(c.file)
	if err != nil {
		return fmt.Errorf("the cache of requests: %w", err)
	}
	whole, n := 0, 0
	for line := range bytes.Lines(b) {
		n++
		var l cacheLine
		err := jsonfile.Decode(line, &l)
		last := whole+len(line) == len(b)
		if err == nil && l.Key != "" && l.Result != nil && line[len(line)-1] == '\n' {
			c.results[l.Key] = l.Result
			whole += len(line)
			continue
		}
		if !last || !bytes.HasPrefix([]byte(lineStart), line[:min(len(line), len(lineStart))]) {
			return setting.Needs("eval.Options.Cache", fmt.Sprintf("%s:%d: the line is no result of a request", c.path, n),
				"the file is no cache, or it is damaged; delete it or name another with {eval.Options.Cache}")
		}
	}
	return c.file.Truncate(int64(whole))
}

// lineStart is the beginning of each line.
const lineStart = `{"key":"`

// get reads the result of a request into result, and reports whether there is one.
func (c *cache) get(key string, result any) bool {
	b, ok := c.results[key]
	return ok && json.Unmarshal(b, result) == nil
}

// put appends results, by the keys of their requests, with one write.
func (c *cache) put(results iter.Seq2[string, any]) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for key, r := range results {
		value, err := json.Marshal(r)
		if err != nil {
			return err
		}
		c.results[key] = value
		if err := enc.Encode(cacheLine{key, value}); err != nil {
			return err
		}
	}
	if _, err := c.file.Write(b.Bytes()); err != nil {
		return fmt.Errorf("the cache of requests: %w", err)
	}
	return nil
}

func (c *cache) close() {
	if c != nil {
		c.file.Close()
	}
}
