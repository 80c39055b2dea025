//go:build !(mpi && linux)

package openmpi

import (
	"strings"
	"testing"

	_ "trit/internal/testutil" // which has the flag -golden: all packages under train take it
)

func TestOpenSaysHowToBuild(t *testing.T) {
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), "-tags mpi") {
		t.Errorf("error %v, want one that says how to build with MPI", err)
	}
}
