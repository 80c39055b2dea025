package datasets

import (
	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/data"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read all shards of a data set: whether they are what was prepared, byte by byte",
		Description: "Training reads a shard whole at its first start alone, and again when its size or time has changed.\n" +
			cmdline.Examples("trit data check --data data"),
		Flags:  []cli.Flag{dataFlag()},
		Action: checkAction,
	}
}

func checkAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	con, dir := cmdline.NewConsole(c), c.String("data")
	progress := con.Progress("bytes")
	m, err := data.Check(c.Context, dir, func(done, total int64) { progress.Show(done, total, "") })
	progress.End()
	if err != nil {
		return err
	}
	con.Printf("%s is as it was prepared: %d and %d shards, %d and %d tokens of training and held out\n", dir,
		len(m.Train.Shards), len(m.Heldout.Shards), m.Train.Tokens, m.Heldout.Tokens)
	return nil
}

// dataFlag names a prepared data set.
func dataFlag() cli.Flag {
	return &cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare", Required: true}
}
