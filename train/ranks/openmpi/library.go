//go:build mpi && linux

package openmpi

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// names of the library's file. The first one has the number of the binary interface that is used
// here: Open MPI 3, 4 and 5 have it.
var names = []string{"libmpi.so.40", "libmpi.so"}

// library holds the functions of MPI that are called here, and Open MPI's handles, which
// are addresses of symbols. mpi.h has the signatures.
type library struct {
	initThread      func(argc, argv unsafe.Pointer, required int32, provided *int32) int32
	finalize        func() int32
	abort           func(comm uintptr, code int32) int32
	errorString     func(code int32, text *byte, length *int32) int32
	setErrorHandler func(comm, handler uintptr) int32
	commRank        func(comm uintptr, rank *int32) int32
	commSize        func(comm uintptr, size *int32) int32
	test            func(request *uintptr, done *int32, status uintptr) int32
	iallToAll       func(src unsafe.Pointer, n int32, srcType uintptr,
		dst unsafe.Pointer, m int32, dstType, comm uintptr, request *uintptr) int32
	iallGather func(src unsafe.Pointer, n int32, srcType uintptr,
		dst unsafe.Pointer, m int32, dstType, comm uintptr, request *uintptr) int32
	ibroadcast func(x unsafe.Pointer, n int32, of uintptr, root int32, comm uintptr, request *uintptr) int32

	world, bytes, errorsReturn uintptr
}

// load opens the library. Its plug-ins look for its symbols, so they must be global.
func load() (*library, error) {
	var first error
	for _, name := range names {
		h, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err == nil {
			return bind(name, h)
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("the library of Open MPI cannot be opened: %w; "+
		"install it (package libopenmpi3 or openmpi) or name its folder in LD_LIBRARY_PATH", first)
}

// bind finds the symbols of the library that are used.
func bind(name string, h uintptr) (*library, error) {
	l := &library{}
	for symbol, f := range map[string]any{
		"MPI_Init_thread": &l.initThread, "MPI_Finalize": &l.finalize, "MPI_Abort": &l.abort,
		"MPI_Error_string": &l.errorString, "MPI_Comm_set_errhandler": &l.setErrorHandler,
		"MPI_Comm_rank": &l.commRank, "MPI_Comm_size": &l.commSize, "MPI_Test": &l.test,
		"MPI_Ialltoall": &l.iallToAll, "MPI_Iallgather": &l.iallGather, "MPI_Ibcast": &l.ibroadcast,
		"ompi_mpi_comm_world": &l.world, "ompi_mpi_byte": &l.bytes, "ompi_mpi_errors_return": &l.errorsReturn,
	} {
		at, err := purego.Dlsym(h, symbol)
		if err != nil {
			return nil, fmt.Errorf("%s has no %s: want the library of Open MPI, version 3 or later: %w", name, symbol, err)
		}
		if handle, ok := f.(*uintptr); ok {
			*handle = at
		} else {
			purego.RegisterFunc(f, at)
		}
	}
	return l, nil
}

// check turns a code of MPI into an error; what is the function that returned it.
func (l *library) check(what string, code int32) error {
	if code == 0 {
		return nil
	}
	var text [256]byte // MPI_MAX_ERROR_STRING
	var n int32
	if l.errorString(code, &text[0], &n) != 0 {
		return fmt.Errorf("%s: MPI error %d", what, code)
	}
	return fmt.Errorf("%s: %s", what, text[:n])
}
