package configs

import (
	"slices"
	"strings"
	"testing"
)

// A word of another tool leads to a key that there is, and is none itself.
func TestKeyWordsLeadToKeys(t *testing.T) {
	for word, key := range keyWords {
		if !slices.Contains(Keys(), key) || slices.Contains(Keys(), word) {
			t.Errorf("%s leads to %s", word, key)
		}
	}
}

func TestValidate(t *testing.T) {
	c, err := Load("trit-1m")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the preset: %v", err)
	}
	c.HiddenSize, c.LogInterval = -64, 0
	for _, want := range []string{"hidden_size is -64", "log_interval is 0"} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
