// Package judging has the flags about a judge, a model behind a server that rates the answers of others,
// and trit eval mt_bench.
package judging

import (
	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/eval/mtbench"
	"trit/eval/openai"
)

// Flags are the flags about the judge.
func Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "judge", Usage: "of mt_bench: `URL` of the server with the model that rates the answers"},
		&cli.StringFlag{Name: "judge-model", Usage: "of mt_bench: the server's `NAME` of that model"},
		&cli.StringFlag{Name: "judge-key-file",
			Usage: "of mt_bench: `FILE` with the key of the judge's server (default: $OPENAI_API_KEY)"},
		&cli.StringFlag{Name: "judge-prompts",
			Usage: "of mt_bench: `FILE` of what the judge is told, FastChat's judge_prompts.jsonl (default: texts of our own)"},
		&cli.IntFlag{Name: "judge-concurrent", Value: mtbench.DefaultConcurrent,
			Usage: "of mt_bench: ask for `N` judgments at a time"},
		&cli.BoolFlag{Name: "category-temperatures", Usage: "of mt_bench: draw answers with FastChat's temperatures: " +
			"0.7 in writing and roleplay, 0.1 in stem and humanities (default: the likeliest answer)"},
	}
}

// TimeoutFlag is the flag of both the judge's server and others.
func TimeoutFlag() cli.Flag {
	return cmdline.TimeFlag("request-timeout", "of a server: begin a request anew after `TIME`", openai.DefaultTimeout)
}

// Judge is the judge that the flags name, nil if they name none.
func Judge(c *cli.Context) (*mtbench.Judging, error) {
	if c.String("judge") == "" {
		for _, f := range Flags() {
			if name := f.Names()[0]; c.IsSet(name) {
				return nil, cmdline.Usagef("--%s is for a judge: it needs --judge URL", name)
			}
		}
		return nil, nil
	}
	if c.String("judge-model") == "" {
		return nil, cmdline.Usagef("--judge is a server: name its model with --judge-model")
	}
	if n := c.Int("judge-concurrent"); n < 1 || n > 1024 {
		return nil, cmdline.Usagef("--judge-concurrent is %d: want 1 to 1024", n)
	}
	judge, err := openai.NewJudge(c.String("judge"), c.String("judge-model"))
	if err != nil {
		return nil, cmdline.Usagef("--judge: %v", err)
	}
	if judge.Key, err = models.APIKey(c, "judge-key-file"); err != nil {
		return nil, err
	}
	judge.Timeout = c.Duration("request-timeout")
	j := &mtbench.Judging{
		Judge: judge, Model: judge.Model, Prompts: mtbench.DefaultPrompts(), Concurrent: c.Int("judge-concurrent"),
		Draw: c.Bool("category-temperatures"),
	}
	if path := c.String("judge-prompts"); path != "" {
		j.Prompts, err = mtbench.ReadPrompts(path)
	}
	return j, err
}
