//go:build !amd64 || purego

package kernel

// lanes is 0: there are no vector functions here, and nothing calls the ones below.
func lanes(int) int { return 0 }

const has512 = false

func dot512(int, *float32, *float32) float32                      { return 0 }
func dotF16x512(int, *uint16, *float32) float32                   { return 0 }
func axpy512(int, float32, *float32, *float32)                    {}
func rescale512(int, *float32, *int32, float32)                   {}
func rescaleSums512x16(int, *float32, int, *int32, *float32)      {}
func rescaleSums512x32(int, *float32, int, *int32, *float32)      {}
func scaledProduct512(int, *float32, *float32, *float32, float32) {}
func int4Codes512(int, *byte, *float32, *float32, float32)        {}
func relu2Product512(int, *float32, *float32)                     {}
func absMax512(int, *float32) float32                             { return 0 }
func quantize512(int, *int8, *float32, float32) int32             { return 0 }
func siluProduct512(int, *float32, *float32)                      {}
func expScaled512(int, *float32, float32, float32) float32        { return 0 }
func max512(int, *float32) float32                                { return 0 }
func sumInt8x512(int, *int8) int32                                { return 0 }
