package models

import (
	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/convert/source"
	"trit/infer"
)

// HeadFlag chooses how logits are computed.
func HeadFlag() cli.Flag {
	return cmdline.OneOfFlag("head", "how the logits are computed: bounded chooses as exact does and is faster, "+
		"q6_k and int8 are about 1 % off", infer.HeadBounded, infer.HeadExact, infer.HeadQ6K, infer.HeadInt8)
}

// ExactLogitsFlag is short for the exact head.
func ExactLogitsFlag() cli.Flag {
	return &cli.BoolFlag{
		Name:  "exact-logits",
		Usage: "compute every logit of every token from the weights of the file: --head exact",
		Action: func(c *cli.Context, on bool) error {
			if on && c.IsSet("head") && c.String("head") != string(infer.HeadExact) {
				return cmdline.Usagef("--exact-logits is --head %s: leave out --head %s", infer.HeadExact, c.String("head"))
			}
			return nil
		},
	}
}

// WeightsFlag chooses the bits of a ternary weight in memory.
func WeightsFlag() cli.Flag {
	return cmdline.OneOfFlag("weights", "bits of a ternary weight in memory",
		infer.WeightsAuto, infer.Weights2Bit, infer.Weights1_6Bit)
}

// ActivationsFlag chooses what is multiplied by weights with a scale a group.
func ActivationsFlag() cli.Flag {
	return cmdline.OneOfFlag("activations",
		"what activations are rounded to for weights with a scale a group; float is exact and slow",
		infer.ActivationsInt8, infer.ActivationsFloat)
}

// CacheFlag chooses one of these KV caches; the first is the default.
func CacheFlag(caches ...infer.Cache) cli.Flag {
	return cmdline.OneOfFlag("cache", "what the KV cache rounds keys and values to: int8 takes half the memory of f16",
		caches...)
}

// EngineOptions are the options that HeadFlag, ExactLogitsFlag, WeightsFlag, ActivationsFlag, CacheFlag
// and cmdline.ThreadsFlag give.
func EngineOptions(c *cli.Context) infer.Options {
	o := infer.Options{
		Threads: c.Int("threads"), Head: infer.Head(c.String("head")), Weights: infer.Weights(c.String("weights")),
		Cache: infer.Cache(c.String("cache")), Activations: infer.Activations(c.String("activations")),
	}
	if c.Bool("exact-logits") {
		o.Head = infer.HeadExact
	}
	return o
}

// ReadingFlags say what a model's files mean if the files do not say it themselves.
func ReadingFlags() []cli.Flag {
	return []cli.Flag{
		cmdline.ChoiceFlag("scale", "what to do with a packed folder's weight_scale, if config.json does not say or is wrong: `RULE` multiply or divide", string(source.ScaleMultiply), string(source.ScaleDivide)),
		cmdline.ChoiceFlag("weights", "what floating-point projections are, if the files do not say or are wrong: `KIND` masters (master weights), ternary (quantised already) or full (precision)",
			string(source.WeightsMasters), string(source.WeightsTernary), string(source.WeightsFull)),
		&cli.StringSliceFlag{Name: "config-key", Usage: "set a key of a folder's config.json to `KEY=VALUE`, if it contradicts itself or the weights; null leaves a key out"},
	}
}

// ReadingOptions are the options that ReadingFlags and cmdline.ThreadsFlag give.
func ReadingOptions(c *cli.Context) source.Options {
	return source.Options{
		Scale: source.Scale(c.String("scale")), Weights: source.Weights(c.String("weights")), Threads: c.Int("threads"),
		Set: c.StringSlice("config-key"),
	}
}
