package kernel

import "testing"

// TestFasterFormat checks what does not depend on the machine's speed.
func TestFasterFormat(t *testing.T) {
	if f := FasterFormat(); f == Bits16 && !FastTrits() {
		t.Errorf("chose %v, which no tile of this machine reads", f)
	}
}
