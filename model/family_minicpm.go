package model

// miniCPM is MiniCPM and its ternary BitCPM in full precision: a Llama with scales.
var miniCPM = Family{
	Title: "MiniCPM",
	Fits:  func(c *HFConfig, _ func(string) bool) bool { return c.HasScales() },
}
