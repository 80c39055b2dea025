package model

// bitNet is microsoft/bitnet-b1.58-2B-4T, packed or as its -bf16 masters, and every
// checkpoint of ours that has sub-norms.
var bitNet = Family{
	Title: "BitNet b1.58",
	Fits:  func(c *HFConfig, _ func(string) bool) bool { return c.SubNorms },
}
