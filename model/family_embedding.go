package model

import "strings"

// embedding is microsoft/bitnet-embedding-0.6b: masters of a Qwen3 with a norm before each
// projection, saved without a head.
var embedding = Family{
	Title:  "BitNet embedding",
	Fits:   func(c *HFConfig, has func(string) bool) bool { return !has(EmbedTokens) && has(headless(EmbedTokens)) },
	Rename: headless,
}

// qwen is a Qwen3 that was saved with its head, with or without norms before projections.
var qwen = Family{
	Title: "Qwen3",
	Fits:  func(c *HFConfig, _ func(string) bool) bool { return c.QKNorm },
}

// headless is the name of a tensor in a folder that was saved without the head, which lacks the
// prefix "model.".
func headless(name string) string { return strings.TrimPrefix(name, "model.") }
