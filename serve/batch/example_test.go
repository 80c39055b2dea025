package batch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"trit/serve/batch"
)

// Any handler answers a file of requests.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "batch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	line := `{"custom_id": "1", "method": "POST", "url": "/echo", "body": {"text": "hi"}}` + "\n"
	if err := os.WriteFile(in, []byte(line), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	done, err := batch.Run(context.Background(), in, out, batch.Options{Handler: echo, Paths: []string{"/echo"}, Workers: 1})
	fmt.Println(done.Total, done.Failed, err)
	// Output: 1 0 <nil>
}
