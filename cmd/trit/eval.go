package main

import (
	"github.com/urfave/cli/v2"

	"trit/eval"
	"trit/infer"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name: "eval", Usage: "score a GGUF model or a training checkpoint", ArgsUsage: "MODEL",
		Description: examples("trit eval model.gguf --tasks arc_easy,boolq --data-dir eval", "trit eval run --tasks arc_easy --data-dir eval --limit 100", "trit eval model.gguf --tasks bits_per_byte --data-dir data"),
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "tasks", Usage: "`TASKS`, separated by commas: names, or JSON files of tasks of your own", Required: true},
			&cli.StringFlag{Name: "data-dir", Usage: "`DIR` of the tasks' data"},
			&cli.Float64Flag{Name: "limit", Usage: "only the first `N` documents (below 1: that share)"},
			&cli.IntFlag{Name: "num-fewshot", Usage: "`K` examples before each question (default: the task's own number)", Value: -1},
			&cli.StringFlag{Name: "out", Usage: "write results.json and samples to the folder `DIR`"},
			jsonFlag("print the results as JSON"), cacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8), threadsFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "MODEL")
			if err != nil {
				return err
			}
			m, err := openScorer(args[0], engineOptions(c))
			if err != nil {
				return err
			}
			defer m.close()
			report, err := m.evaluate(c.Context, newConsole(c), eval.Options{
				Tasks: commaList(c.StringSlice("tasks")), DataDir: c.String("data-dir"), Limit: c.Float64("limit"),
				NumFewshot: c.Int("num-fewshot"), Out: c.String("out"),
			})
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, report)
			}
			return report.WriteText(c.App.Writer)
		},
	}
}
