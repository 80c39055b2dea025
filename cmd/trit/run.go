package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/internal/atomicfile"
	"trit/lm"
	"trit/tokenizer"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "generate text with a model", ArgsUsage: models.ArgsUsage,
		Description: cmdline.Examples(`trit run model.gguf -p "Once upon a time" -n 100`, "trit run model.gguf --chat",
			`trit run model.gguf -p "A:" --temperature 0.8 --top-p 0.95 --seed 7 --stop "."`,
			"trit run run -f prompt.txt --greedy    (a run: its best model)", "date | trit run model.gguf -n -1",
			`trit run model.gguf --adapter adapter --adapter style.gguf=0.5 -p "Once upon a time"`, "",
			"Without flags about the choice, a model's own advice counts (generation_config.json, general.sampling), and",
			"temperature 0.8 and top-p 0.95 for what it does not say."),
		Flags: slices.Concat(promptFlags(), samplingFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "stop", Usage: "end before this `TEXT` (may be given several times)"},
			&cli.IntFlag{Name: "context", Usage: "keep at most `N` tokens of prompt and answer (default: the model's context length, at most 4096)"},
			&cli.BoolFlag{Name: "prompt-lookup", Usage: "draft tokens from earlier text and check several at once; never changes the text", Value: true},
			&cli.BoolFlag{Name: "stats", Usage: "print speeds at the end"},
			models.AdapterFlag(), models.HeadFlag(), models.ExactLogitsFlag(), models.WeightsFlag(), models.ActivationsFlag(),
			models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32), cmdline.ThreadsFlag(),
		}, models.HubFlags()),
		Action: runModel,
	}
}

func runModel(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "MODEL")
	if err != nil {
		return err
	}
	if err := checkRunFlags(c); err != nil {
		return err
	}
	prompt, err := readPrompt(c)
	if err != nil {
		return err
	}
	g, err := openGenerator(args[0], c)
	if err != nil {
		return err
	}
	defer g.model.Close()
	if c.Bool("chat") {
		return g.chat(c)
	}
	request := g.request
	request.Prompt = g.tok.EncodePrompt(prompt)
	if err := g.checkPrompt(len(request.Prompt)); err != nil {
		return err
	}
	fmt.Fprint(g.con.Out, prompt)
	r, err := g.say(c.Context, request)
	if err == nil && r.FinishReason == lm.FinishStop && len(r.Tokens) == 0 {
		g.con.Warnf("the model ended the text at once: it takes the prompt for whole")
	}
	if err == nil && r.FinishReason == lm.FinishContext {
		g.con.Warnf("the text was cut: the context of %d tokens is full, --context N holds more", g.context)
	}
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

// maxContext is the most tokens that a generator holds without --context: the cache of a long
// context takes gigabytes.
const maxContext = 4096

func openGenerator(name string, c *cli.Context) (*generator, error) {
	m, tok, err := models.Load(c, name, models.EngineOptions(c))
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(name, c, m, tok)
	if err != nil {
		m.Close()
	}
	return g, err
}

func newGenerator(name string, c *cli.Context, m *infer.Model, tok *tokenizer.Tokenizer) (*generator, error) {
	if tok == nil {
		return nil, fmt.Errorf("%s holds no tokenizer: convert it from a folder with a tokenizer.json, "+
			"or use trit logits --ids", name)
	}
	con := cmdline.NewConsole(c)
	con.Warnings(tok.Notes())
	how, err := samplingOf(c, con, m, name)
	if err != nil {
		return nil, err
	}
	room, made := c.Int("context"), m.ContextLength()
	if room == 0 {
		room = min(made, maxContext)
	}
	if room > made {
		con.Warnf("--context %d is beyond the %d tokens that the model was made for: "+
			"what comes after them may make no sense", room, made)
	}
	g, err := m.NewGenerator(tok, room)
	if err != nil {
		return nil, err
	}
	limit := c.Int("n")
	if limit < 0 {
		limit = math.MaxInt
	}
	request := lm.GenerateRequest{
		MaxTokens: limit, Stop: c.StringSlice("stop"), StopIDs: tok.EOSIDs(), Sampling: how,
		PromptLookup: c.Bool("prompt-lookup"),
	}
	return &generator{g, m, room, tok, request, con, c.Bool("stats")}, nil
}

// checkPrompt refuses a prompt of n tokens that leaves no room for an answer, before anything is
// printed.
func (g *generator) checkPrompt(n int) error {
	made := g.model.ContextLength()
	switch {
	case n == 0:
		return cmdline.Usagef("the prompt is empty, and the model begins a text with no token of its own: give some text")
	case n < g.context:
		return nil
	case n < made:
		return cmdline.Usagef("the prompt has %d tokens, and the context %d: --context N holds more, up to the %d "+
			"that the model was made for", n, g.context, made)
	}
	return cmdline.Usagef("the prompt has %d tokens, and the context %d: shorten it, or give --context N, "+
		"though the model was made for %d tokens", n, g.context, made)
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
		Name: "logits", Usage: "write the raw logits of given token ids, to compare engines", ArgsUsage: models.ArgsUsage,
		Description: cmdline.Examples("trit logits model.gguf --ids 1,2,3 --out logits.f32", "",
			"The file holds little-endian float32, [ids, vocabulary]."),
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "ids", Usage: "token `IDS`, separated by commas", Required: true},
			outFlag("write to `FILE`"), cmdline.ForceFlag("FILE"), models.AdapterFlag(), models.ActivationsFlag(), cmdline.ThreadsFlag(),
		}, models.HubFlags()...),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "MODEL")
			if err != nil {
				return err
			}
			ids, err := tokenIDs(cmdline.CommaList(c.StringSlice("ids")))
			if err != nil {
				return err
			}
			if err := cmdline.MayWrite(c, c.String("out")); err != nil {
				return err
			}
			return writeLogits(c, args[0], ids, c.String("out"))
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

func writeLogits(c *cli.Context, name string, ids []int32, out string) error {
	m, _, err := models.Load(c, name, models.EngineOptions(c))
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
