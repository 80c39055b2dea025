package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// This machine has no call that others do not have too.
var (
	refusedOfMachine     []int
	conditionalOfMachine []call
)
