package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// Adapters are trained over a folder of masters, over the codes of a GGUF file, and inside the quantiser
// of masters that are made of these, and go on by the folder of the run alone.
func TestTrainAdapters(t *testing.T) {
	t.Chdir(writeFiles(t, map[string][]byte{"tales.txt": []byte(strings.Join(taleTexts(), "\n\n"))}))
	const small = " --max-steps 2 --set sequence_length=16 --threads 1"
	mustTrit(t, strings.Fields("train --text tales.txt --holdout 0.2 --config trit-1m --out base --set vocab_size=300"+small)...)
	mustTrit(t, "convert", "base", "base.gguf")
	tune := "train --data base/prepared/data --config lora --set gradient_accumulation_steps=1" + small
	for out, init := range map[string]string{"over-masters": "base", "over-gguf": "base.gguf",
		"inside": "base.gguf --set lora_dropout=0 --set lora_placement=inside"} {
		mustTrit(t, strings.Fields(tune+" --init "+init+" --out "+out)...)
		for _, dir := range []string{"best", "step-00000002"} {
			if _, err := os.Stat(filepath.Join(out, dir, "adapter_model.safetensors")); err != nil {
				t.Error(err)
			}
		}
		mustTrit(t, strings.Fields("train --resume --max-steps 3 --threads 1 --data base/prepared/data --out "+out)...)
	}
	code, out, stderr := trit(strings.Fields(tune + " --init base.gguf --dry-run")...)
	if code != cmdline.ExitOK || !strings.Contains(out, "trained          ") {
		t.Errorf("dry run: exit code %d: %s%s", code, out, stderr)
	}
	for args, want := range map[string]string{
		tune + " --out a": "recipe without a model",
		tune + " --out a --init base --set lora_targets=qproj": "lora_targets",
	} {
		if code, _, stderr := trit(strings.Fields(args)...); code == cmdline.ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s; want %q", args, code, stderr, want)
		}
	}
}
