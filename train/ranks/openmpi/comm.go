//go:build mpi && linux

package openmpi

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"trit/train/ranks"
)

// comm calls MPI from one thread, which MPI_THREAD_FUNNELED asks for.
type comm struct {
	lib        *library
	rank, size int
	calls      chan call
	aborts     chan struct{}
	request    uintptr // of the operation under way
	done       int32
}

// call is an operation of MPI to start. If it leaves a request, its end is waited for.
type call struct {
	what    string
	start   func() int32
	last    bool
	buffers [2][]byte // must not be freed before the operation is done
	result  chan error
}

// Open joins the job. It must be called once only. A process that mpirun did not start is a
// job of its own.
func Open() (ranks.Comm, error) {
	c := &comm{calls: make(chan call), aborts: make(chan struct{}, 1)}
	opened := make(chan error)
	go c.serve(opened)
	if err := <-opened; err != nil {
		return nil, err
	}
	return c, nil
}

// serve makes all calls of MPI.
func (c *comm) serve(opened chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.open()
	opened <- err
	for err == nil {
		select {
		case <-c.aborts:
			c.lib.abort(c.lib.world, 1)
		case call := <-c.calls:
			call.result <- c.perform(call)
			if call.last {
				return
			}
		}
	}
}

func (c *comm) open() (err error) {
	if c.lib, err = load(); err != nil {
		return err
	}
	const funneled = 1
	var provided, rank, size int32
	if err := c.lib.check("MPI_Init_thread", c.lib.initThread(nil, nil, funneled, &provided)); err != nil {
		return err
	}
	if provided < funneled {
		return errors.New("this build of Open MPI is for programs of a single thread: install one with threads")
	}
	err = errors.Join(c.lib.check("MPI_Comm_set_errhandler", c.lib.setErrorHandler(c.lib.world, c.lib.errorsReturn)),
		c.lib.check("MPI_Comm_rank", c.lib.commRank(c.lib.world, &rank)),
		c.lib.check("MPI_Comm_size", c.lib.commSize(c.lib.world, &size)))
	c.rank, c.size = int(rank), int(size)
	return err
}

// perform starts an operation and waits for its end. MPI makes progress only while it is
// called. Polling with pauses leaves the processor to the backward pass, which waiting inside
// MPI would not.
func (c *comm) perform(call call) error {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	for _, b := range call.buffers {
		if len(b) > 0 {
			pinner.Pin(&b[0])
		}
	}
	err := c.lib.check(call.what, call.start())
	for err == nil && c.done == 0 {
		c.pause()
		err = c.lib.check(call.what, c.lib.test(&c.request, &c.done, 0))
	}
	return err
}

// pause lets other threads have the processor. The sleep is the system's own, since the
// shortest of package time took a millisecond here, as long as a whole bucket.
func (c *comm) pause() {
	select {
	case <-c.aborts:
		c.lib.abort(c.lib.world, 1)
	default:
		syscall.Nanosleep(&syscall.Timespec{Nsec: 20_000}, nil)
	}
}

// runCall performs an operation on the thread of MPI and returns its error.
func (c *comm) runCall(what string, dst, src []byte, start func() int32) error {
	result := make(chan error)
	c.calls <- call{what: what, buffers: [2][]byte{dst, src}, result: result, start: func() int32 {
		c.request, c.done = 0, 0
		return start()
	}}
	return <-result
}

func (c *comm) Rank() int { return c.rank }
func (c *comm) Size() int { return c.size }

func (c *comm) AllToAll(dst, src []byte) error {
	part := len(src) / c.size
	if err := c.checkLengths(len(dst), part); err != nil || part == 0 {
		return err
	}
	return c.runCall("MPI_Ialltoall", dst, src, func() int32 {
		return c.lib.iallToAll(addressOf(src), int32(part), c.lib.bytes, addressOf(dst), int32(part), c.lib.bytes,
			c.lib.world, &c.request)
	})
}

func (c *comm) AllGather(dst, own []byte) error {
	if err := c.checkLengths(len(dst), len(own)); err != nil || len(own) == 0 {
		return err
	}
	return c.runCall("MPI_Iallgather", dst, own, func() int32 {
		return c.lib.iallGather(addressOf(own), int32(len(own)), c.lib.bytes,
			addressOf(dst), int32(len(own)), c.lib.bytes, c.lib.world, &c.request)
	})
}

// checkLengths refuses what would write past the end of a slice, and more than MPI can
// count, which is 32 bits.
func (c *comm) checkLengths(all, one int) error {
	if all != one*c.size || one > math.MaxInt32 {
		return fmt.Errorf("%d bytes for %d from each of %d ranks: want %d, and at most %d from each", all, one, c.size,
			one*c.size, math.MaxInt32)
	}
	return nil
}

// Broadcast sends what MPI cannot count in several parts.
func (c *comm) Broadcast(x []byte) error {
	const most = 1 << 30
	for len(x) > 0 {
		part := x[:min(most, len(x))]
		if err := c.runCall("MPI_Ibcast", part, nil, func() int32 {
			return c.lib.ibroadcast(addressOf(part), int32(len(part)), c.lib.bytes, 0, c.lib.world, &c.request)
		}); err != nil {
			return err
		}
		x = x[len(part):]
	}
	return nil
}

func addressOf(x []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(x)) }

// Abort writes to standard error why the job ends, and ends it. If MPI does not get to it,
// the error exit of this process makes mpirun end the other ranks.
func (c *comm) Abort(message string) {
	fmt.Fprintf(os.Stderr, "rank %d of %d ends the job: %s\n", c.rank, c.size, message)
	c.aborts <- struct{}{}
	time.Sleep(5 * time.Second)
	os.Exit(1)
}

// Close ends MPI in this process.
func (c *comm) Close() error {
	result := make(chan error)
	c.calls <- call{what: "MPI_Finalize", last: true, result: result, start: func() int32 {
		c.done = 1
		return c.lib.finalize()
	}}
	return <-result
}
