package gguf

import "math"

// Metadata is the ordered list of keys and values of a file. Values are uint8 to
// uint64, int8 to int64, float32, float64, bool, string, or a slice of one of these.
type Metadata struct {
	Keys   []string
	values map[string]any
}

// Set enters a value, or replaces it.
func (m *Metadata) Set(key string, value any) {
	if m.values == nil {
		m.values = map[string]any{}
	}
	if _, known := m.values[key]; !known {
		m.Keys = append(m.Keys, key)
	}
	m.values[key] = value
}

// Get looks a value up.
func (m *Metadata) Get(key string) (any, bool) {
	v, ok := m.values[key]
	return v, ok
}

// String looks a string up.
func (m *Metadata) String(key string) (string, bool) {
	s, ok := m.values[key].(string)
	return s, ok
}

// Bool looks a truth value up.
func (m *Metadata) Bool(key string) (value, ok bool) {
	value, ok = m.values[key].(bool)
	return value, ok
}

// Uint looks a non-negative integer of any width up.
func (m *Metadata) Uint(key string) (uint64, bool) {
	switch v := m.values[key].(type) {
	case uint8:
		return uint64(v), true
	case uint16:
		return uint64(v), true
	case uint32:
		return uint64(v), true
	case uint64:
		return v, true
	case int8:
		return uint64(v), v >= 0
	case int16:
		return uint64(v), v >= 0
	case int32:
		return uint64(v), v >= 0
	case int64:
		return uint64(v), v >= 0
	}
	return 0, false
}

// Float looks a number up.
func (m *Metadata) Float(key string) (float64, bool) {
	switch v := m.values[key].(type) {
	case float32:
		return float64(v), !math.IsNaN(float64(v))
	case float64:
		return v, !math.IsNaN(v)
	}
	u, ok := m.Uint(key)
	return float64(u), ok
}

// Strings looks a list of strings up.
func (m *Metadata) Strings(key string) ([]string, bool) {
	s, ok := m.values[key].([]string)
	return s, ok
}

// Float32s looks a list of float32 up.
func (m *Metadata) Float32s(key string) ([]float32, bool) {
	s, ok := m.values[key].([]float32)
	return s, ok
}

// Int32s looks a list of 32-bit integers up, signed or not.
func (m *Metadata) Int32s(key string) ([]int32, bool) {
	if u, ok := m.values[key].([]uint32); ok {
		s := make([]int32, len(u))
		for i, v := range u {
			s[i] = int32(v)
		}
		return s, true
	}
	s, ok := m.values[key].([]int32)
	return s, ok
}
