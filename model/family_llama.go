package model

// llama158 is a Llama whose projections became BitLinear: HF1BitLLM/Llama3-8B-1.58,
// Falcon3-1.58bit and Falcon-E, packed, and checkpoints of ours without sub-norms.
var llama158 = Family{
	Title: "Llama 1.58 bit",
	Fits:  func(c *HFConfig, _ func(string) bool) bool { return c.Ternary },
}

// llama is a Llama in full precision.
var llama = Family{
	Title: "Llama",
	Fits:  func(*HFConfig, func(string) bool) bool { return true },
}
