package lookup

import (
	"slices"
	"testing"
)

func TestDrafter(t *testing.T) {
	d := New()
	text := []int32{9, 1, 2, 3, 4, 5, 6, 1, 2, 3}
	if got := d.Propose(text, 2); !slices.Equal(got, []int32{4, 5}) {
		t.Errorf("the draft is %v, want 4 and 5", got)
	}
	if got := d.Propose(text[:7], 5); got != nil {
		t.Errorf("the draft of a text without repetition is %v", got)
	}
	d.Learn(2, 0)
	for range minPause {
		if d.Propose(text, 5) != nil {
			t.Fatal("a draft right after one that failed")
		}
	}
	if d.Propose(text, 5) == nil {
		t.Error("no draft after the pause")
	}
}
