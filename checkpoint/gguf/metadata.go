package gguf

// Metadata is a file's key-value store. Values are uint64, int64, float64, bool, string, or slices of one of them.
type Metadata map[string]any

// String returns a text.
func (m Metadata) String(key string) (string, bool) {
	s, ok := m[key].(string)
	return s, ok
}

// Uint returns a number that is not negative, of whatever integer type.
func (m Metadata) Uint(key string) (uint64, bool) {
	switch v := m[key].(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), v >= 0
	}
	return 0, false
}

// Float returns a number, of whatever type.
func (m Metadata) Float(key string) (float64, bool) {
	switch v := m[key].(type) {
	case float64:
		return v, true
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// Bool returns a truth value.
func (m Metadata) Bool(key string) (value, ok bool) {
	value, ok = m[key].(bool)
	return value, ok
}

// Strings returns a list of texts.
func (m Metadata) Strings(key string) ([]string, bool) {
	s, ok := m[key].([]string)
	return s, ok
}

// Floats returns a list of numbers.
func (m Metadata) Floats(key string) ([]float64, bool) {
	f, ok := m[key].([]float64)
	return f, ok
}

// Ints returns a list of integers, of whatever integer type.
func (m Metadata) Ints(key string) ([]int64, bool) {
	switch v := m[key].(type) {
	case []int64:
		return v, true
	case []uint64:
		out := make([]int64, len(v))
		for i, u := range v {
			out[i] = int64(u)
			if out[i] < 0 {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}
