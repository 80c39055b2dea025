//go:build !amd64 || purego

package amx

const missing = "amx: this processor has no AMX"

// Panels is for amd64 alone.
func Panels(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int) {
	panic(missing)
}

// HalfPanel is for amd64 alone.
func HalfPanel(rows, steps int, w *byte, blockBytes int, x *int8, dst *int32) { panic(missing) }
