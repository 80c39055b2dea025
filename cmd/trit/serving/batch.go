package serving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/infer/engine"
	"trit/serve"
	"trit/serve/batch"
	loaded "trit/serve/models"
)

func batchCommand() *cli.Command {
	return &cli.Command{
		Name: "batch", Usage: "answer a file of requests, in the form of OpenAI's batches", ArgsUsage: "IN.jsonl",
		Description: cmdline.Examples("trit batch requests.jsonl --model model.gguf --out answers.jsonl", "",
			"The same command goes on where it was stopped: OUT holds each answer once."),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "the model: `MODEL` or OWNER/NAME", Required: true},
			&cli.StringFlag{Name: "out", Usage: "append answers to `FILE`", Required: true},
			&cli.IntFlag{Name: "context", Usage: "most tokens `N` of a prompt and its answer (default: what the model was made for)"},
			&cli.IntFlag{Name: "cache-memory", Usage: "`MB` for KV caches, of answers and of kept prefixes", Value: defaultCacheMB},
			&cli.IntFlag{Name: "sessions", Usage: "compute at most `N` answers together", Value: engine.DefaultAnswers},
			models.HeadFlag(), models.WeightsFlag(), models.ActivationsFlag(), models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32),
			cmdline.ThreadsFlag(),
		}, models.HubFlags()...),
		Action: answerBatch,
	}
}

// batchPaths are the addresses that requests of a batch may have.
var batchPaths = []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"}

// batchAnswerTime is the time for an answer of a batch: nobody waits for it.
const batchAnswerTime = 24 * time.Hour

func answerBatch(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "IN.jsonl")
	if err != nil {
		return err
	}
	list, remove, err := modelFiles(c, c.String("model"))
	defer remove()
	if err != nil {
		return err
	}
	set, err := loaded.New(list, loaded.Options{Load: loader(c)})
	if err != nil {
		return err
	}
	defer set.Close()
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}))
	con := cmdline.NewConsole(c)
	progress := con.Progress("requests")
	s, err := batch.Run(c.Context, args[0], c.String("out"), batch.Options{
		Handler: serve.New(serve.Options{Models: set, Log: log, AnswerTime: batchAnswerTime}).Handler(), Paths: batchPaths,
		Workers:  2 * c.Int("sessions"), // so that one waits for each that ends
		Progress: func(done, total int) { progress.Show(int64(done), int64(total), "") },
	})
	progress.End()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped: the same command goes on with the rest of %s", args[0])
	}
	if err == nil {
		con.Printf("%s: %d requests, %d of them answered before, %d errors\n", c.String("out"), s.Total, s.Before, s.Failed)
	}
	return err
}
