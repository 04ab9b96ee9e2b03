package trace

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// stream compresses what is written on a goroutine of its own, beside the run. Its bytes do not depend on the timing: they are
// those of the blocks, in order.
type stream struct {
	out    *zstd.Encoder
	blocks chan []byte // to compress; closed by end
	free   chan []byte // to fill again
	ended  sync.Once
	done   chan struct{}
	err    atomic.Pointer[error] // the first
}

const (
	// blockBytes is what is gathered before it is compressed: little, because on a machine whose cores are all busy the run
	// waits as long as a block takes.
	blockBytes = 32 << 10
	// blocks that wait; a run that fills them faster than they are compressed waits for the oldest.
	queuedBlocks = 16
)

func newStream(w io.Writer) (*stream, error) {
	// One encoder goroutine: the same bytes whatever the number of cores.
	out, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	s := &stream{out: out, blocks: make(chan []byte, queuedBlocks), free: make(chan []byte, queuedBlocks+1), done: make(chan struct{})}
	go s.compress()
	return s, nil
}

// compress is the goroutine's life.
func (s *stream) compress() {
	defer close(s.done)
	for block := range s.blocks {
		if s.failure() == nil {
			if _, err := s.out.Write(block); err != nil {
				s.fail(err)
			}
		}
		select {
		case s.free <- block[:0]:
		default:
		}
	}
	if err := s.out.Close(); err != nil {
		s.fail(err)
	}
}

// push takes a block over and returns memory for the next.
func (s *stream) push(block []byte) []byte {
	s.blocks <- block
	select {
	case next := <-s.free:
		return next
	default:
		return make([]byte, 0, blockBytes+blockBytes/4)
	}
}

// fail keeps the first error.
func (s *stream) fail(err error) { s.err.CompareAndSwap(nil, &err) }

// failure returns the first error.
func (s *stream) failure() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// end lets the goroutine finish what is queued and end. Nothing may be pushed after it.
func (s *stream) end() { s.ended.Do(func() { close(s.blocks) }) }

// close waits until everything is compressed and returns the first error.
func (s *stream) close() error {
	s.end()
	<-s.done
	return s.failure()
}
