//go:build linux && !amd64 && !arm64

package sandbox

import "errors"

func seccompKnown() bool { return false }

func filterCalls() error { return errors.ErrUnsupported }
