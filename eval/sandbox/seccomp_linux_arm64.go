package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// This architecture has no call that others lack.
var (
	refusedOfMachine     []int
	conditionalOfMachine []call
)
