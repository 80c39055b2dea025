package models

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/convert/compare"
	"trit/convert/source"
)

const packedFolder = "../../../testdata/checkpoints/hf-bitnet-packed"

// Master weights that are made of a packed folder round to the same codes and scales, and stay where
// they are if they are to be kept.
func TestMakeMasters(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run", "masters")
	con := &cmdline.Console{Out: &strings.Builder{}, Err: &strings.Builder{}}
	for _, keep := range []bool{false, true} {
		note, err := MakeMasters(t.Context(), con, packedFolder, out, keep)
		if err != nil || !strings.Contains(note, "holds no master weights") || !strings.Contains(note, out) {
			t.Fatalf("%q, %v", note, err)
		}
		if keep {
			if _, err := os.Stat(filepath.Join(out, "config.json")); err == nil {
				t.Error("the folder was made again")
			}
			continue
		}
		sameModel(t, packedFolder, out)
		if err := os.Remove(filepath.Join(out, "config.json")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := MakeMasters(t.Context(), con, filepath.Join(t.TempDir(), "none"), out, false); err == nil {
		t.Error("a model that is not there became masters")
	}
}

func sameModel(t *testing.T, a, b string) {
	t.Helper()
	x, err := source.Open(a, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := source.Open(b, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	same, err := compare.Models(t.Context(), x, y, nil)
	if err != nil || !y.HasMasters() {
		t.Errorf("%v: it has masters: %v", err, y.HasMasters())
	}
	t.Log(same.Summary())
}

// The model of a file or folder is known without its weights.
func TestConfigOf(t *testing.T) {
	c, err := ConfigOf(packedFolder)
	if err != nil || !c.Ternary || c.HiddenSize == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := ConfigOf("nothing"); err == nil {
		t.Error("nothing has a model")
	}
}
