package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/infer"
	"trit/internal/atomicfile"
	"trit/lm"
	"trit/repro"
	"trit/tokenizer"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "generate text with a GGUF model", ArgsUsage: "MODEL",
		Description: cmdline.Examples(`trit run model.gguf -p "Once upon a time" -n 100`, "trit run model.gguf --chat", `trit run model.gguf -p "A:" --temperature 0.8 --top-p 0.95 --seed 7 --stop "."`),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "prompt", Aliases: []string{"p"}, Usage: "continue this `TEXT`"},
			&cli.BoolFlag{Name: "chat", Usage: "talk: each line of the input is a message, the model's chat template is used, /help lists the commands"},
			&cli.StringFlag{Name: "system", Usage: "`TEXT` of the system message of a chat"},
			&cli.IntFlag{Name: "n", Usage: "generate at most `N` tokens", Value: 128},
			&cli.Float64Flag{Name: "temperature", Usage: "`T`; 0 always takes the likeliest token"},
			&cli.IntFlag{Name: "top-k", Usage: "choose among the `K` likeliest tokens (0 = all)"},
			&cli.Float64Flag{Name: "top-p", Usage: "choose among the likeliest tokens whose probabilities add up to `P`", Value: 1},
			&cli.Float64Flag{Name: "min-p", Usage: "choose among tokens at least `P` times as likely as the likeliest"},
			&cli.Float64Flag{Name: "repetition-penalty", Usage: "divide the logits of tokens already seen by `R`", Value: 1},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice", Value: 1},
			&cli.StringSliceFlag{Name: "stop", Usage: "end before this `TEXT` (may be given several times)"},
			&cli.IntFlag{Name: "context", Usage: "keep at most `N` tokens of prompt and answer (default: the model's context length, at most 4096)"},
			&cli.BoolFlag{Name: "prompt-lookup", Usage: "draft tokens from earlier text and check several at once; never changes the text", Value: true},
			&cli.BoolFlag{Name: "stats", Usage: "print speeds at the end"},
			headFlag(), exactLogitsFlag(), weightsFlag(), cacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32), cmdline.ThreadsFlag(),
		},
		Action: runModel,
	}
}

func runModel(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "MODEL")
	if err != nil {
		return err
	}
	if c.Bool("chat") == c.IsSet("prompt") {
		return cmdline.Usagef("give either --prompt TEXT or --chat")
	}
	g, err := openGenerator(args[0], c)
	if err != nil {
		return err
	}
	defer g.model.Close()
	if c.Bool("chat") {
		return g.chat(c)
	}
	fmt.Fprint(g.con.Out, c.String("prompt"))
	request := g.request
	request.Prompt = g.tok.EncodePrompt(c.String("prompt"))
	_, err = g.say(c.Context, request)
	return err
}

// generator answers prompts as the flags of the command say.
type generator struct {
	*infer.Generator
	model   *infer.Model
	context int // tokens that the generator holds
	tok     *tokenizer.Tokenizer
	request lm.GenerateRequest // without its prompt
	con     *cmdline.Console
	stats   bool
}

func openGenerator(path string, c *cli.Context) (*generator, error) {
	m, tok, err := openGGUF(cmdline.NewConsole(c), path, engineOptions(c))
	if err != nil {
		return nil, err
	}
	if tok == nil {
		m.Close()
		return nil, fmt.Errorf("%s holds no tokenizer: convert it from a folder with a tokenizer.json, "+
			"or use trit logits --ids", path)
	}
	con := cmdline.NewConsole(c)
	con.Warnings(tok.Notes())
	room := c.Int("context")
	if room == 0 {
		room = min(m.ContextLength(), 4096)
	}
	g, err := m.NewGenerator(tok, room)
	if err != nil {
		m.Close()
		return nil, err
	}
	request := lm.GenerateRequest{
		MaxTokens: c.Int("n"), Stop: c.StringSlice("stop"), StopIDs: tok.EOSIDs(), Sampling: sampling(c),
		PromptLookup: c.Bool("prompt-lookup"),
	}
	return &generator{g, m, room, tok, request, con, c.Bool("stats")}, nil
}

// sampling are the options of the flags about the choice of tokens.
func sampling(c *cli.Context) lm.Sampling {
	return lm.Sampling{
		Temperature: c.Float64("temperature"), TopK: c.Int("top-k"), TopP: c.Float64("top-p"), MinP: c.Float64("min-p"),
		RepetitionPenalty: c.Float64("repetition-penalty"), Seed: c.Uint64("seed"),
	}
}

// say continues a prompt, printing as it goes.
func (g *generator) say(ctx context.Context, request lm.GenerateRequest) (lm.GenerateResult, error) {
	r, err := g.Generate(ctx, request, func(d lm.Delta) { fmt.Fprint(g.con.Out, d.Text) })
	g.con.Printf("\n")
	if err == nil && g.stats {
		g.con.Warnf("prompt %d tokens, %.1f tokens/s; generated %d tokens, %.1f tokens/s in %d passes, "+
			"%d of %d drafted tokens right; ended by %s",
			r.PromptTokens-r.CachedTokens, r.PrefillTokensPerSecond(), len(r.Tokens), r.DecodeTokensPerSecond(), r.Passes,
			r.Accepted, r.Drafted, r.FinishReason)
	}
	return r, err
}

func logitsCommand() *cli.Command {
	return &cli.Command{
		Name: "logits", Usage: "write the raw logits of given token ids, to compare engines", ArgsUsage: "MODEL",
		Description: cmdline.Examples("trit logits model.gguf --ids 1,2,3 --out logits.f32", "",
			"The file holds little-endian float32, [ids, vocabulary]."),
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "ids", Usage: "token `IDS`, separated by commas", Required: true},
			outFlag("write to `FILE`"),
			cmdline.ThreadsFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "MODEL")
			if err != nil {
				return err
			}
			ids, err := tokenIDs(cmdline.CommaList(c.StringSlice("ids")))
			if err != nil {
				return err
			}
			return writeLogits(cmdline.NewConsole(c), args[0], ids, c.String("out"), c.Int("threads"))
		},
	}
}

func tokenIDs(words []string) ([]int32, error) {
	ids := make([]int32, len(words))
	for i, w := range words {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil || n < 0 {
			return nil, cmdline.Usagef("--ids: %q is not a token id", w)
		}
		ids[i] = int32(n)
	}
	if len(ids) == 0 {
		return nil, cmdline.Usagef("--ids names no token")
	}
	return ids, nil
}

// logitsOf computes the logits after each of the tokens, [ids, vocabulary].
func logitsOf(m *infer.Model, ids []int32) ([]float32, error) {
	s, err := m.NewSession(len(ids))
	if err != nil {
		return nil, err
	}
	logits := make([]float32, len(ids)*m.Config().VocabSize)
	return logits, s.Forward(ids, logits, 0)
}

func writeLogits(con *cmdline.Console, path string, ids []int32, out string, threads int) error {
	m, _, err := openGGUF(con, path, infer.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer m.Close()
	logits, err := logitsOf(m, ids)
	if err != nil {
		return err
	}
	return atomicfile.Write(out, func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, logits) })
}

func headFlag() cli.Flag {
	return cmdline.OneOfFlag("head", "how the logits are computed: bounded chooses as exact does and is faster, "+
		"q6_k and int8 are about 1 % off", infer.HeadBounded, infer.HeadExact, infer.HeadQ6K, infer.HeadInt8)
}

func exactLogitsFlag() cli.Flag {
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

func weightsFlag() cli.Flag {
	return cmdline.OneOfFlag("weights", "bits of a ternary weight in memory",
		infer.WeightsAuto, infer.Weights2Bit, infer.Weights1_6Bit)
}

// cacheFlag chooses one of these caches; the first is the default.
func cacheFlag(caches ...infer.Cache) cli.Flag {
	return cmdline.OneOfFlag("cache", "what the KV cache rounds keys and values to: int8 takes half the memory of f16",
		caches...)
}

// engineOptions are the options that headFlag, exactLogitsFlag, weightsFlag, cacheFlag and
// threadsFlag give.
func engineOptions(c *cli.Context) infer.Options {
	o := infer.Options{
		Threads: c.Int("threads"), Head: infer.Head(c.String("head")), Weights: infer.Weights(c.String("weights")),
		Cache: infer.Cache(c.String("cache")),
	}
	if c.Bool("exact-logits") {
		o.Head = infer.HeadExact
	}
	return o
}

// openGGUF loads a model and its tokenizer, nil if the file holds none. It prints a warning for
// each thing in the file that looks wrong.
func openGGUF(con *cmdline.Console, path string, o infer.Options) (*infer.Model, *tokenizer.Tokenizer, error) {
	m, tok, err := repro.LoadGGUF(path, o)
	if err == nil {
		con.Warnings(m.Warnings())
	}
	return m, tok, err
}
