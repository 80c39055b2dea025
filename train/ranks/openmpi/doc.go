// Package openmpi is the ranks.Comm of processes that mpirun started, by the Open MPI library
// of the machine. The library is opened at run time, so building needs nothing but the tag
// mpi; without the tag Open returns an error.
package openmpi
