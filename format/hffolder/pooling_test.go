package hffolder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPoolingStaysInTheFolder(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	for _, d := range []string{dir, filepath.Join(outer, "pool")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(d, "config.json"), []byte(`{"pooling_mode_lasttoken":true}`))
	}
	for _, path := range []string{"../pool", filepath.Join(outer, "pool"), "x/../../pool"} {
		write(t, filepath.Join(dir, "modules.json"), fmt.Appendf(nil, `[{"path":%q,"type":"a.Pooling"}]`, path))
		if (&Folder{Dir: dir}).Pooling() != PoolingNone {
			t.Errorf("%s was read", path)
		}
	}
	write(t, filepath.Join(dir, "modules.json"), []byte(`[{"path":".","type":"a.Pooling"}]`))
	if kind := (&Folder{Dir: dir}).Pooling(); kind != PoolingLast {
		t.Errorf("the folder itself: %d", kind)
	}
}

// What an embedding is made with beside the poolings that are known is not left out.
func TestModules(t *testing.T) {
	const transformer = `{"path": "", "type": "sentence_transformers.models.Transformer"}`
	for _, c := range []struct{ modules, pooling, want string }{
		{`{"path": "pool", "type": "sentence_transformers.models.Pooling"}, {"path": "n", "type": "sentence_transformers.models.Normalize"}`,
			`{"pooling_mode_lasttoken": true, "pooling_mode_mean_tokens": false, "include_prompt": true}`, ""},
		{`{"path": "pool", "type": "sentence_transformers.models.Pooling"}, {"path": "d", "type": "sentence_transformers.models.Dense"}`,
			`{"pooling_mode_lasttoken": true}`, `the module "sentence_transformers.models.Dense"`},
		{`{"path": "pool", "type": "a.Pooling"}`, `{"pooling_mode_max_tokens": true}`, "pool/config.json has [pooling_mode_max_tokens]"},
		{`{"path": "pool", "type": "a.Pooling"}`, `{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}`,
			"has [pooling_mode_cls_token pooling_mode_mean_tokens]"},
	} {
		dir := folder(t, t.TempDir(), 1, nil)
		if err := os.Mkdir(filepath.Join(dir, "pool"), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "modules.json"), []byte("["+transformer+", "+c.modules+"]"))
		write(t, filepath.Join(dir, "pool", "config.json"), []byte(c.pooling))
		f, err := Open(dir)
		if err == nil {
			f.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.modules, err, c.want)
		}
	}
}
