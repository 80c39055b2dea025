package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/train/ranks"
	"trit/train/ranks/openmpi"
)

// openRanks joins the job of mpirun, which sets variables in the environment of its
// processes.
func openRanks() (ranks.Comm, error) {
	started := os.Getenv("OMPI_COMM_WORLD_SIZE")
	if started == "" {
		return ranks.Alone, nil
	}
	c, err := openmpi.Open()
	if err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(started); err != nil || n != c.Size() {
		return nil, fmt.Errorf("mpirun started %s ranks, but its library finds %d: "+
			"mpirun and libmpi are from different installations, name the folder of the right library in LD_LIBRARY_PATH",
			started, c.Size())
	}
	return c, nil
}

// trainRanks trains on the ranks of the job what rank 0, which alone needs to have the folder of a
// run that is resumed, makes of the flags. Only rank 0 prints. A rank that fails ends the job, since
// the others would wait for it.
func trainRanks(cc *cli.Context, read func() (trainJob, error)) error {
	if cc.IsSet("ranks") || cc.IsSet("network") || cc.IsSet("tflops") || cc.IsSet("machine") {
		return cmdline.Usagef("--ranks, --network, --tflops and --machine belong to --dry-run: mpirun -np N trit %s "+
			"starts N ranks", cc.Command.Name)
	}
	con := cmdline.NewConsole(cc)
	c, err := openRanks()
	if err != nil {
		return err
	}
	if c.Rank() != 0 {
		con = &cmdline.Console{Out: io.Discard, Err: io.Discard}
	}
	var job trainJob
	if c.Rank() == 0 {
		job, err = read()
	}
	if err == nil {
		err = ranks.Broadcast(c, &job)
	}
	if err == nil {
		r := job.run()
		r.Comm = c
		err = trainModel(cc.Context, con, r)
	}
	if err != nil && !errors.Is(err, cmdline.ErrStopped) {
		c.Abort(cmdline.OneLine(err))
		return err
	}
	return errors.Join(err, c.Close())
}
