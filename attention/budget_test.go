package attention

import (
	"errors"
	"testing"

	"spatten/tensor"
)

// TestCacheBytesIsABound compares the promise with what sequences really hold.
func TestCacheBytesIsABound(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	for name, sched := range schedules() {
		s, err := NewSequence(small, sched, Options{})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, s, cpu, 700, 1)
		pass(t, s, cpu, 1, 1)
		promise, err := sched.CacheBytes(small, s.Length(), 32)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Bytes(); got > promise || got < promise/4 {
			t.Errorf("%s: %d bytes held, %d promised", name, got, promise)
		}
	}
}

func TestWithin(t *testing.T) {
	const tokens = 4096
	var none *Schedule
	for _, b := range []Budget{{Tokens: 1000}, {Ratio: 0.9}, {Bytes: 1 << 20}} {
		s, err := none.Within(b, small, tokens, 8)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
		bytes, _ := s.CacheBytes(small, tokens, 8)
		most := b.Bytes
		if b.Ratio > 0 {
			most = int64(b.Ratio * 4 * 2 * 16 * tokens * 4)
		}
		if most > 0 && (bytes > most || bytes < most*9/10) {
			t.Errorf("%+v: the schedule takes %d of %d bytes", b, bytes, most)
		}
	}
	if s, _ := none.Within(Budget{Tokens: tokens}, small, tokens, 8); !s.Dense() {
		t.Error("a budget for all tokens prunes")
	}
	if _, err := none.Within(Budget{Bytes: 100}, small, tokens, 8); !errors.Is(err, ErrBudget) {
		t.Errorf("100 bytes: %v", err)
	}
}
