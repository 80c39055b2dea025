package main

import (
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/configs"
	"trit/data"
	"trit/repro"
	"trit/train/graph"
)

func machineFlag(prefix string) cli.Flag {
	return &cli.StringFlag{Name: "machine", Usage: prefix + "plan for a `MACHINE` that is not this one: KEY=VALUE,... " +
		"of " + configs.MachineKeys()}
}

// dryRun prints an estimate of a run and its teacher. Without --tflops it is based on the speed of products
// on this machine.
func dryRun(c *cli.Context, config configs.Config, t configs.Teacher) error {
	if config.VocabSize == 0 && c.IsSet("text") {
		config.VocabSize = config.TokenizerSize()
	}
	if config.VocabSize == 0 {
		if c.String("data") == "" {
			return cmdline.Usagef("the preset takes its vocabulary from the data: name it with --data, or --set vocab_size=N")
		}
		m, err := data.OpenManifest(c.String("data"))
		if err != nil {
			return err
		}
		config.VocabSize = m.VocabSize
	}
	config.Config.Resolve()
	if err := graph.Check(&config.Config); err != nil {
		return err
	}
	if err := checkPackable(c, config.Config); err != nil {
		return err
	}
	m, err := plannedMachine(c, config)
	if err != nil {
		return err
	}
	e, err := config.Estimate(m, t)
	if err != nil {
		return cmdline.Usagef("%v", err)
	}
	e.WriteText(c.App.Writer)
	writePackable(c.App.Writer, config.Config)
	return nil
}

// plannedMachine is the machine that a run is planned for: the one of --machine, or this one.
func plannedMachine(c *cli.Context, config configs.Config) (configs.Machines, error) {
	if text := c.String("machine"); text != "" {
		for _, flag := range []string{"tflops", "network", "ranks", "threads"} {
			if c.IsSet(flag) {
				return configs.Machines{}, cmdline.Usagef("--machine describes all: leave --%s out", flag)
			}
		}
		m, err := configs.ParseMachine(text)
		if err != nil {
			err = cmdline.Usagef("--machine: %v", err)
		}
		return m, err
	}
	m := configs.Machines{
		FLOPs: 1e12 * c.Float64("tflops"), Ranks: c.Int("ranks"), Threads: c.Int("threads"),
		Network: 1e9 * c.Float64("network"),
	}
	if m.FLOPs < 0 || m.Network <= 0 {
		return m, cmdline.Usagef("--tflops %g and --network %g: want positive numbers", c.Float64("tflops"),
			c.Float64("network"))
	}
	if m.FLOPs == 0 {
		m.FLOPs = config.ExpectedFLOPs(m.Threads)
	}
	return m, nil
}

func planCommand() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "say what it takes to train presets on machines of a kind, from their figures alone",
		Description: cmdline.Examples("trit repro plan --machine cores=64,int8=340,bf16=170,memory=512,network=25,price=3"),
		Flags: []cli.Flag{
			machineFlag(""),
			&cli.StringFlag{Name: "configs", Usage: "`PRESETS` or JSON files, separated by commas", Value: "125m,350m,700m,1.3b,3b"},
			&cli.StringFlag{Name: "nodes", Usage: "numbers `N,N,...` of machines", Value: "1,8,64"},
			&cli.Float64Flag{Name: "tokens-per-weight", Usage: "train on `N` tokens for each weight", Value: 20},
			&cli.StringSliceFlag{Name: "set", Usage: "change one `KEY=VALUE` of all configurations (may be given several times)"},
		},
		Action: planAction,
	}
}

func planAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	m, err := configs.ParseMachine(c.String("machine"))
	if err != nil {
		return cmdline.Usagef("--machine: %v", err)
	}
	o := repro.PlanOptions{Configs: strings.Split(c.String("configs"), ","), Machine: m,
		TokensPerWeight: c.Float64("tokens-per-weight"), Set: c.StringSlice("set")}
	for _, text := range strings.Split(c.String("nodes"), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return cmdline.Usagef("--nodes is %q: want positive numbers with commas between them", c.String("nodes"))
		}
		o.Nodes = append(o.Nodes, n)
	}
	table, err := repro.Plan(o)
	if err != nil {
		return cmdline.UsageIf(err, "repro.PlanOptions")
	}
	cmdline.NewConsole(c).Printf("%s", table.Markdown())
	return nil
}
