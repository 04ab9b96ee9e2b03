package serve

import "sync"

// Memory is the one budget that the caches of all requests share.
type Memory struct {
	mu          sync.Mutex
	total, used int64
}

// NewMemory returns a budget of so many bytes.
func NewMemory(total int64) *Memory { return &Memory{total: total} }

// reserve takes n bytes, or nothing where they are not free.
func (m *Memory) reserve(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.total {
		return false
	}
	m.used += n
	return true
}

func (m *Memory) release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

// Used returns the bytes that are reserved.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}
