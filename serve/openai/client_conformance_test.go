//go:build conformance

package openai

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"trit/lm"
)

// TestNodeClient runs the calls of testdata/client.cjs with npm's openai, which NODE_PATH or a
// node_modules above this folder must hold.
func TestNodeClient(t *testing.T) {
	if exec.Command("node", "-e", `require.resolve("openai")`).Run() != nil {
		t.Skip("node with the package openai is not found (NODE_PATH): npm's client is not tested")
	}
	urls := map[string]string{}
	for name, texts := range map[string][]string{
		"text": {"Hi", " you"}, "tool": {"<think>hm</think>", townCall}, "json": {`{"town":`, `"Rome"}`}, "busy": nil, "late": {"Hi"},
	} {
		s, url := serve(t, texts...)
		switch name {
		case "busy":
			s.err = &lm.BusyError{Waiting: 1, RetryAfter: time.Second}
		case "late":
			s.late = errors.New("a fault")
		}
		urls[name] = url
	}
	list, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", "testdata/client.cjs", string(list)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all calls answered") {
		t.Errorf("%v\n%s", err, out)
	}
}
