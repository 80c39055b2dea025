// Package openmpi joins the processes that mpirun started, by the Open MPI library of
// the machine. The library is opened at run time, so nothing is needed to build but the
// tag mpi; without the tag Open says so.
package openmpi
