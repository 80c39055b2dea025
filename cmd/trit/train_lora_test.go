package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/adapter"
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

// A base model has no chat template; an adapter brings the one that laid out its data, in each of its forms and into
// what it is merged with.
func TestAdaptersBringTheirChatTemplate(t *testing.T) {
	t.Chdir(writeFiles(t, map[string][]byte{
		"tales.txt": []byte(strings.Join(taleTexts(), "\n\n")), "talks.jsonl": []byte(talksText)}))
	const small = " --max-steps 2 --set sequence_length=128 --threads 1"
	mustTrit(t, strings.Fields("train --text tales.txt --holdout 0.2 --config trit-1m --out base --set vocab_size=300"+small)...)
	mustTrit(t, "convert", "base", "base.gguf")
	mustTrit(t, strings.Fields("data prepare --chat --data talks.jsonl --tokenizer base --chat-template plain --holdout 0 --out chat")...)
	tune := "train --data chat --config lora --set gradient_accumulation_steps=1 --set lora_placement="
	mustTrit(t, strings.Fields(tune+"beside --init base.gguf --out adapter"+small)...)
	mustTrit(t, strings.Fields(tune+"inside --set lora_dropout=0 --init base --out inside"+small)...)
	mustTrit(t, strings.Fields("convert adapter adapter.gguf --base base.gguf")...)
	mustTrit(t, strings.Fields("convert adapter.gguf folder --base base.gguf")...)
	mustTrit(t, strings.Fields("merge base inside merged.gguf")...)
	mustTrit(t, strings.Fields("merge base inside merged")...)
	const talk = "Who is it?\n"
	if code, _, stderr := chatWith("base.gguf", talk); code != cmdline.ExitFailed || !strings.Contains(stderr, "no chat template") {
		t.Errorf("the base: exit code %d, %s", code, stderr)
	}
	for _, args := range []string{"base.gguf --adapter adapter", "base.gguf --adapter adapter.gguf", "base.gguf --adapter folder",
		"merged.gguf", "merged"} {
		words := strings.Fields(args)
		if code, _, stderr := chatWith(words[0], talk, words[1:]...); code != cmdline.ExitOK || strings.Contains(stderr, "takes the place") {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
	for _, path := range []string{"folder", "merged", "merged.gguf"} {
		_, text, stderr := trit("tokenizer", "render", path, "--context", writeFile(t, "c.json", `{"messages":[{"role":"user","content":"Hi"}]}`))
		if !strings.Contains(text, "### User:\nHi") {
			t.Errorf("%s renders %q, %s", path, text, stderr)
		}
	}
	var got completion
	post(t, serveModel(t, "base.gguf", "--adapter", "tuned=adapter")+"/v1/chat/completions",
		`{"model":"tuned","max_tokens":4,"messages":[{"role":"user","content":"Who is it?"}]}`, &got)
	if len(got.Choices) != 1 {
		t.Errorf("the server answers %+v", got)
	}
}

// An adapter of another layout than the model's is talked to in its own, which is said.
func TestAdaptersReplaceAChatTemplate(t *testing.T) {
	dir, model := t.TempDir(), chatModel(t, chatTemplate)
	writeAdapter(t, model, dir, adapter.Beside, 1)
	for text, says := range map[string]bool{chatTemplate: false, "{{ messages[-1].content }}": true} {
		writeText(t, filepath.Join(dir, "chat_template.jinja"), text)
		code, _, stderr := chatWith(model, "Who is it?\n", "--adapter", dir)
		if code != cmdline.ExitOK || strings.Contains(stderr, dir+": its chat template takes the place of the one before") != says {
			t.Errorf("%s: exit code %d, %s", text, code, stderr)
		}
	}
}
