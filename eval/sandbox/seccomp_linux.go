//go:build amd64 || arm64

package sandbox

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccompKnown reports whether filterCalls works on this architecture.
func seccompKnown() bool { return true }

// Offsets in the struct seccomp_data, and the first number of a 64-bit machine's calls
// that are made with 32-bit pointers.
const (
	callAt     = 0
	archAt     = 4
	argumentAt = 16
	x32Calls   = 0x40000000
)

// call is the part of the filter for one system call: instructions that end in a return.
type call struct {
	number int
	body   []unix.SockFilter
}

// load loads four bytes of the seccomp_data.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// skip skips the next n instructions unless the comparison of the loaded value with k holds.
func skip(compare uint16, k uint32, n int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | compare | unix.BPF_K, Jf: uint8(n), K: k}
}

func returnAction(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

func fail(errno uint32) unix.SockFilter { return returnAction(unix.SECCOMP_RET_ERRNO | errno) }

var (
	pass   = returnAction(unix.SECCOMP_RET_ALLOW)
	refuse = fail(uint32(unix.EPERM))
)

// low loads the lower half of an argument, on a little-endian machine.
func low(argument uint32) unix.SockFilter { return load(argumentAt + 8*argument) }

// onlyIf allows a call if an argument has a value.
func onlyIf(argument, value uint32) []unix.SockFilter {
	return []unix.SockFilter{low(argument), skip(unix.BPF_JEQ, value, 1), pass, refuse}
}

// unless refuses a call if an argument has a value.
func unless(argument, value uint32) []unix.SockFilter {
	return []unix.SockFilter{low(argument), skip(unix.BPF_JEQ, value, 1), refuse, pass}
}

// onlyWith allows a call if an argument has one of some bits.
func onlyWith(argument, bits uint32) []unix.SockFilter {
	return []unix.SockFilter{low(argument), skip(unix.BPF_JSET, bits, 1), pass, refuse}
}

// onlyNull allows a call if an argument, all 64 bits of it, is 0.
func onlyNull(argument uint32) []unix.SockFilter {
	return []unix.SockFilter{
		low(argument), skip(unix.BPF_JEQ, 0, 3),
		load(argumentAt + 8*argument + 4), skip(unix.BPF_JEQ, 0, 1),
		pass, refuse,
	}
}

// notTruncating refuses to open a file for reading and truncate it, which the first two versions
// of Landlock allow.
func notTruncating(flags uint32) []unix.SockFilter {
	return []unix.SockFilter{
		low(flags),
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: unix.O_TRUNC | unix.O_ACCMODE},
		skip(unix.BPF_JEQ, unix.O_TRUNC|unix.O_RDONLY, 1),
		refuse, pass,
	}
}

// refused are calls that fail with EPERM, whatever their arguments.
var refused = slices.Concat(refusedOfMachine, []int{
	// The network. A pair of sockets is a pipe, and asyncio wants one; but messages with
	// an address could reach other sockets of the machine.
	unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
	// Other processes of the user: their signals, memory, files, order.
	unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_PIDFD_GETFD, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_KCMP, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
	unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM,
	unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SETSID, unix.SYS_SETPGID,
	// What Landlock leaves: times, owners, modes and attributes of files, and their
	// truncation before its version 3.
	unix.SYS_TRUNCATE, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
	unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT,
	unix.SYS_FILE_SETATTR, unix.SYS_OPEN_BY_HANDLE_AT,
	// What would stay after the process, or count for no limit of it.
	unix.SYS_SHMGET, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MQ_OPEN, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_KEYCTL, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET,
	// Ways around this filter, and parts of the kernel that no program needs.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_MOUNT_SETATTR, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
})

// conditional are calls that are allowed or refused by their arguments. A filter cannot see the
// arguments of clone3 and openat2, which lie in memory, so it says that these calls do not
// exist: the C library then makes the older ones.
func conditional() []call {
	self := uint32(unix.Getpid())
	return slices.Concat(conditionalOfMachine, []call{
		{unix.SYS_CLONE, onlyWith(0, unix.CLONE_THREAD)},
		{unix.SYS_CLONE3, []unix.SockFilter{fail(uint32(unix.ENOSYS))}},
		{unix.SYS_OPENAT2, []unix.SockFilter{fail(uint32(unix.ENOSYS))}},
		{unix.SYS_OPENAT, notTruncating(2)},
		{unix.SYS_KILL, onlyIf(0, self)},
		{unix.SYS_TKILL, onlyIf(0, self)},
		{unix.SYS_TGKILL, onlyIf(0, self)},
		{unix.SYS_PRLIMIT64, onlyIf(0, 0)},
		{unix.SYS_PRCTL, unless(0, unix.PR_SET_PDEATHSIG)},
		{unix.SYS_SENDTO, onlyNull(4)},
	})
}

// filter is the program that the kernel runs at each system call.
func filter() []unix.SockFilter {
	f := []unix.SockFilter{
		load(archAt), skip(unix.BPF_JEQ, auditArch, 2),
		load(callAt), skip(unix.BPF_JGE, x32Calls, 1),
		returnAction(unix.SECCOMP_RET_KILL_PROCESS),
	}
	calls := conditional()
	for _, number := range refused {
		calls = append(calls, call{number, []unix.SockFilter{refuse}})
	}
	for _, c := range calls {
		f = append(f, skip(unix.BPF_JEQ, uint32(c.number), len(c.body)))
		f = append(f, c.body...)
	}
	return append(f, pass)
}

// filterCalls puts this thread, and what it executes, under the filter for good.
func filterCalls() error {
	f := filter()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}
