//go:build !(mpi && linux)

package openmpi

import (
	"errors"

	"trit/train/ranks"
)

// Open returns an error: this binary was built without Open MPI.
func Open() (ranks.Comm, error) {
	return nil, errors.New("this binary was built without Open MPI: on Linux build one with `go build -tags mpi " +
		"./cmd/trit`, or start it without mpirun")
}
