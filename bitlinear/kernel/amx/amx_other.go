//go:build !amd64 || purego

package amx

const missing = "amx: this processor has no AMX"

// Panels panics: AMX exists on amd64 alone.
func Panels(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int) {
	panic(missing)
}

// HalfPanel panics: AMX exists on amd64 alone.
func HalfPanel(rows, steps int, w *byte, blockBytes int, x *int8, dst *int32) { panic(missing) }

// PanelParts panics: AMX exists on amd64 alone.
func PanelParts(parts, steps int, w *byte, blockBytes int, x *int8, dst *int32) { panic(missing) }

// HalfPanelParts panics: AMX exists on amd64 alone.
func HalfPanelParts(rows, parts, steps int, w *byte, blockBytes int, x *int8, dst *int32) {
	panic(missing)
}
