//go:build !(mpi && linux)

package main

import (
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// Under mpirun a binary without Open MPI must not train alone, as often as there are ranks.
func TestMPIRunNeedsMPI(t *testing.T) {
	t.Setenv("OMPI_COMM_WORLD_SIZE", "2")
	if code, _, stderr := trit("train", "--config", "trit-1m", "--data", "d", "--out", t.TempDir()); code != cmdline.ExitFailed || !strings.Contains(stderr, "-tags mpi") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
