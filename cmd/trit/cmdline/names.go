package cmdline

import (
	"os"
	"strings"

	"trit/internal/nearest"
)

// CommandWords are words of other tools for commands.
var CommandWords = map[string]string{
	"generate": "run", "infer": "run", "inference": "run", "chat": "run", "complete": "run", "predict": "run",
	"quantize": "convert", "pack": "convert", "export": "convert",
	"finetune": "train", "fit": "train", "pretrain": "train",
	"evaluate": "eval", "score": "eval", "lm-eval": "eval", "perplexity": "eval",
	"download": "pull", "fetch": "pull", "get": "pull",
	"benchmark": "bench", "info": "inspect", "show": "inspect", "dump": "inspect",
	"dataset": "data", "monitor": "watch", "plot": "watch", "tensorboard": "watch",
	"check": "verify", "diff": "verify", "compare": "verify", "embedding": "embed", "embeddings": "embed",
	"demo": "quickstart", "tutorial": "quickstart", "start": "quickstart", "reproduce": "repro",
}

// FlagWords are words of other tools for flags.
var FlagWords = map[string]string{
	"n-predict": "n", "num-predict": "n", "max-new-tokens": "n", "max-tokens": "n",
	"temp": "temperature", "ctx-size": "context", "c": "context", "n-ctx": "context", "num-ctx": "context",
	"repeat-penalty": "repetition-penalty", "interactive": "chat", "i": "chat", "cnv": "chat", "conversation": "chat",
	"sys": "system", "system-prompt": "system", "text": "prompt",
	"o": "out", "output": "out", "output-dir": "out", "output-path": "out", "outfile": "out",
	"outtype": "type", "quant": "type", "quantization": "type", "format": "type", "overwrite": "force", "f": "force",
	"steps": "max-steps", "iters": "max-steps", "max-iters": "max-steps", "continue": "resume",
	"preset": "config", "model-config": "config",
	"dataset": "data", "input": "data", "corpus": "data", "data-path": "data",
	"t": "threads", "num-threads": "threads", "n-threads": "threads", "j": "threads", "jobs": "threads",
	"shots": "num-fewshot", "fewshot": "num-fewshot", "n-shot": "num-fewshot", "batch-size": "batch",
	"task": "tasks", "vocab": "vocab-size", "s": "seed", "port": "addr", "host": "addr",
}

// modelWords are flags by which other tools take what is an argument here.
var modelWords = map[string]bool{"m": true, "model": true, "model-path": true, "input": true, "file": true}

// setWords are keys of a configuration that other tools have as flags of their own.
var setWords = map[string]string{
	"lr": "learning_rate", "learning-rate": "learning_rate", "batch-size": "batch_size", "hidden-size": "hidden_size",
	"seq-len": "sequence_length", "warmup-steps": "warmup_steps", "weight-decay": "weight_decay",
}

// unknownCommand answers a word that is no command here.
func (l *line) unknownCommand(word string) error {
	var names, inside []string
	full := map[string]string{}
	for _, c := range l.after {
		names = append(names, c.Name)
		for _, s := range c.Subcommands {
			inside, full[s.Name] = append(inside, s.Name), l.name()+" "+c.Name+" "+s.Name
		}
	}
	if len(l.commands) == 0 {
		if info, err := os.Stat(word); err == nil {
			return Usagef("%q is no command but a %s: want a command before it, such as trit inspect %s",
				word, kindOf(info), word)
		}
	}
	words := CommandWords
	if len(l.commands) > 0 {
		words = nil
	}
	if path, exact := full[word]; exact {
		return Usagef("there is no command %q: did you mean %s?", word, path)
	}
	if name := nearest.Name(word, names, words); name != "" {
		return Usagef("there is no command %q: did you mean %s %s?", word, l.name(), name)
	}
	if name := nearest.Name(word, inside, nil); name != "" {
		return Usagef("there is no command %q: did you mean %s?", word, full[name])
	}
	if len(l.commands) > 0 {
		return Usagef("there is no command %q: want %s %s", word, l.name(), strings.Join(names, "|"))
	}
	return Usagef("there is no command %q: see trit --help", word)
}

// meansCommand reports whether a word is a typing error of a command rather than a name of a model.
func (l *line) meansCommand(word string) bool {
	if _, err := os.Stat(word); err == nil || strings.ContainsAny(word, "/:.") {
		return false
	}
	var names []string
	for _, c := range l.after {
		names = append(names, c.Name)
	}
	return nearest.Name(word, names, nil) != ""
}

func kindOf(info os.FileInfo) string {
	if info.IsDir() {
		return "folder"
	}
	return "file"
}

// unknownFlag answers a flag that the command does not have.
func (l *line) unknownFlag(arg string) error {
	written, _, _ := strings.Cut(arg, "=")
	name := strings.TrimLeft(written, "-")
	if l.isGroup() && len(l.positional) > 0 {
		return l.unknownCommand(l.positional[0])
	}
	if l.isGroup() {
		return Usagef("there is no flag %s before a command: write %s COMMAND %s", written, l.name(), written)
	}
	var names []string
	for _, f := range l.flags {
		names = append(names, f.Names()...)
	}
	usage := l.commands[len(l.commands)-1].ArgsUsage
	if key, ok := setWords[strings.ReplaceAll(name, "_", "-")]; ok && l.find("set") != nil {
		return Usagef("%s has no flag %s: write --set %s=VALUE", l.name(), written, key)
	}
	if modelWords[name] && usage != "" {
		return Usagef("%s has no flag %s: give it without a flag, %s %s", l.name(), written, l.name(), usage)
	}
	if near := nearest.Name(name, names, FlagWords); near != "" {
		return Usagef("%s has no flag %s: did you mean %s?", l.name(), written, dashes(near))
	}
	return Usagef("%s has no flag %s: see %s --help", l.name(), written, l.name())
}
