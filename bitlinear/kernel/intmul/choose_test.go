package intmul

import "testing"

// TestFasterFormat checks what does not depend on the machine's speed.
func TestFasterFormat(t *testing.T) {
	if f := FasterFormat(nil); f == Bits1_6 && !FastTrits() {
		t.Errorf("chose %v, which no tile of this machine reads", f)
	}
}
