package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/tokenizer"
)

// maxCompared is the largest number of texts that are compared with each other: the table
// grows with its square.
const maxCompared = 100

// maxLine is the longest line of a file of texts, in bytes.
const maxLine = 1 << 24

func embedCommand() *cli.Command {
	return &cli.Command{
		Name: "embed", ArgsUsage: models.ArgsUsage,
		Usage: "turn texts into vectors with an embedding model, and compare them",
		Description: cmdline.Examples(`trit embed model.gguf -p "The fox sleeps." -p "A sleeping fox"`,
			"trit embed model.gguf --file lines.txt --json", "",
			"A vector is the hidden state of the last token after the final norm, divided by its length. "+
				"With 2 to 100 texts the cosines of all pairs follow."),
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "prompt", Aliases: []string{"p"}, Usage: "a `TEXT` (may be given several times)", KeepSpace: true},
			&cli.StringFlag{Name: "file", Usage: "every line of `FILE` that is not blank is a text"},
			poolingFlag(),
			cmdline.JSONFlag("print texts, vectors and cosines as JSON"),
			models.WeightsFlag(), models.ActivationsFlag(), models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8), cmdline.ThreadsFlag(),
		}, models.HubFlags()...),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "MODEL")
			if err != nil {
				return err
			}
			texts, err := embedTexts(c)
			if err != nil {
				return err
			}
			r, err := embedAll(c, args[0], texts)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cmdline.PrintJSON(c.App.Writer, r)
			}
			r.print(cmdline.NewConsole(c))
			return nil
		},
	}
}

// embedTexts returns the texts of --prompt, followed by the texts of --file.
func embedTexts(c *cli.Context) ([]string, error) {
	texts := c.StringSlice("prompt")
	if path := c.String("file"); path != "" {
		lines, err := readLines(path)
		if err != nil {
			return nil, err
		}
		texts = append(texts, lines...)
	}
	if len(texts) == 0 {
		return nil, cmdline.Usagef("there is no text: give -p TEXT, or --file FILE with lines that are not blank")
	}
	return texts, nil
}

// readLines reads the lines of a file that hold more than spaces.
func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if strings.TrimSpace(s.Text()) != "" {
			lines = append(lines, s.Text())
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: after %d lines: %w: want lines of at most %d bytes", path, len(lines), err, maxLine)
	}
	return lines, nil
}

// embedding is a text and its vector.
type embedding struct {
	Text   string    `json:"text"`
	Tokens int       `json:"tokens"`
	Vector []float32 `json:"embedding"`
}

// embeddings is the result of the command.
type embeddings struct {
	Model      string      `json:"model"`
	Pooling    string      `json:"pooling"`
	Dimensions int         `json:"dimensions"`
	Texts      []embedding `json:"texts"`
	Cosines    [][]float64 `json:"cosines,omitempty"` // [texts,texts], of each pair; nil for 1 text or over maxCompared
}

// poolingFlag is for models that were not made for embeddings.
func poolingFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "pooling",
		Usage: "take the vector of the `" + infer.PoolingLast + "` token of a model that names no pooling, " +
			"such as one that generates text",
		Action: func(_ *cli.Context, v string) error {
			if v != infer.PoolingLast {
				return cmdline.Usagef("--pooling is %q: the engine knows %s alone", v, infer.PoolingLast)
			}
			return nil
		},
	}
}

// embedAll embeds all texts with the model of the command line.
func embedAll(c *cli.Context, name string, texts []string) (*embeddings, error) {
	m, tok, err := models.Load(c, name, models.EngineOptions(c))
	if err != nil {
		return nil, err
	}
	defer m.Close()
	con := cmdline.NewConsole(c)
	switch {
	case tok == nil:
		return nil, fmt.Errorf("%s holds no tokenizer: convert it from a folder with a tokenizer.json", name)
	case m.Pooling() == "" && !c.IsSet("pooling"):
		return nil, fmt.Errorf("%s names no pooling, as models that generate text do not: their vectors say little of a "+
			"text. --pooling %s takes the vector of its last token all the same", name, infer.PoolingLast)
	}
	con.Warnings(tok.Notes())
	return embedWith(c.Context, con, m, tok, name, texts)
}

func embedWith(ctx context.Context, con *cmdline.Console, m *infer.Model, tok *tokenizer.Tokenizer, path string,
	texts []string,
) (*embeddings, error) {
	ids, longest, err := encodeAll(tok, texts, m.ContextLength())
	if err != nil {
		return nil, err
	}
	embedder, err := m.NewEmbedder(longest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &embeddings{Model: path, Pooling: infer.PoolingLast, Dimensions: m.Config().HiddenSize}
	progress := con.Progress("texts")
	defer progress.End()
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vector, err := embedder.EmbedSequence(ids[i])
		if err != nil {
			return nil, fmt.Errorf("%s: text %d (%.40q): %w", path, i+1, text, err)
		}
		r.Texts = append(r.Texts, embedding{text, len(ids[i]), vector})
		progress.Show(int64(i+1), int64(len(texts)), "")
	}
	r.compare()
	return r, nil
}

// encodeAll turns texts into ids, with the special tokens that the tokenizer puts around
// them, and returns the length of the longest.
func encodeAll(tok *tokenizer.Tokenizer, texts []string, limit int) (ids [][]int32, longest int, err error) {
	longest = 1
	for i, text := range texts {
		ids = append(ids, tok.EncodePrompt(text))
		n := len(ids[i])
		if n > limit {
			return nil, 0, fmt.Errorf("text %d (%.40q) has %d tokens: the model was made for %d at most, so shorten it",
				i+1, text, n, limit)
		}
		longest = max(longest, n)
	}
	return ids, longest, nil
}

// compare fills in the cosines, unless there are more than maxCompared texts.
func (r *embeddings) compare() {
	if len(r.Texts) < 2 || len(r.Texts) > maxCompared {
		return
	}
	for _, a := range r.Texts {
		var row []float64
		for _, b := range r.Texts {
			row = append(row, dot(a.Vector, b.Vector))
		}
		r.Cosines = append(r.Cosines, row)
	}
}

// dot is the scalar product of two vectors, in float64. It is the cosine if both have length 1.
func dot(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

func (r *embeddings) print(con *cmdline.Console) {
	for _, e := range r.Texts {
		con.Printf("%s\n", strings.Trim(fmt.Sprint(e.Vector), "[]"))
	}
	if len(r.Cosines) == 0 {
		return
	}
	con.Printf("\ncosines\n")
	for i, row := range r.Cosines {
		for _, v := range row {
			con.Printf("%8.4f", v)
		}
		con.Printf("  %.60q\n", r.Texts[i].Text)
	}
}
