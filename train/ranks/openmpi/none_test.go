//go:build !(mpi && linux)

package openmpi

import (
	"strings"
	"testing"

	_ "trit/internal/testutil" // accepts -golden
)

func TestOpenSaysHowToBuild(t *testing.T) {
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "-tags mpi") {
		t.Errorf("error %v, want one that says how to build with MPI", err)
	}
}
