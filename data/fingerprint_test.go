package data

import (
	"testing"
)

// The fingerprint stays if the same texts are prepared again, and changes with any
// of what a loader gives.
func TestFingerprint(t *testing.T) {
	of := func(o PrepareOptions, texts ...string) string {
		dir, _ := prepare(t, o, texts...)
		m, err := OpenManifest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return m.Fingerprint()
	}
	texts := sentences(50)
	o := PrepareOptions{Holdout: 0.2, Seed: 1}
	want := of(o, texts...)
	if got := of(o, texts...); got != want {
		t.Errorf("prepared again: %s, want %s", got, want)
	}
	for name, got := range map[string]string{
		"another text":         of(o, append(sentences(49), "other")...),
		"another order":        of(o, append(texts[1:], texts[0])...),
		"another held-out set": of(PrepareOptions{Holdout: 0.2, Seed: 2}, texts...),
		"none held out":        of(PrepareOptions{}, texts...),
	} {
		if got == want {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}
