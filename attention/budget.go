package attention

import (
	"errors"
	"fmt"

	"spatten/attention/quant"
)

// Budget bounds a sequence's cache, in one of three ways.
type Budget struct {
	Tokens int     // live tokens a layer, on average over the layers that are pruned
	Bytes  int64   // of keys and values
	Ratio  float64 // of the bytes of a dense fp16 cache
}

// ErrBudget is returned for a budget that no token pruning can keep.
var ErrBudget = errors.New("attention: the budget is too small")

// rowBytes returns the memory of one row of keys and one of values of one head.
func rowBytes(shape Shape, key, value quant.Format) float64 {
	d := shape.HeadDim
	bits := func(f quant.Format) float64 {
		if f.MSB >= 16 {
			return float64(d * 32)
		}
		scale := 32.0 // one fp32 a row
		if f.PerChannel {
			scale = 32 * float64(d) / quant.BlockRows
		}
		return float64(d*f.Bits()) + scale
	}
	return (bits(key) + bits(value)) / 8
}

// CacheBytes bounds the memory that keys and values of a sequence of so many tokens take; a nil schedule is dense.
// Widths that are left open are cacheBits. Blocks that wait for their channels' scales are counted as fp32.
func (s *Schedule) CacheBytes(shape Shape, tokens, cacheBits int) (int64, error) {
	if s == nil {
		s = &Schedule{}
	}
	s, err := s.For(shape.Layers)
	if err != nil {
		return 0, err
	}
	if cacheBits == 0 {
		cacheBits = 32
	}
	total := 0.0
	for l := range shape.Layers {
		rows := tokens
		if l > 0 {
			rows = min(tokens, max(s.keep(l, tokens), s.Protect.First+s.Protect.Last+max(1, s.Protect.Recent)))
		}
		key, value := s.formats(l, cacheBits)
		perGroup := float64(rows)*rowBytes(shape, key, value) + float64(quant.BlockRows*shape.HeadDim*4)
		total += perGroup*float64(shape.KVHeads) + 4*float64(rows)
	}
	const growth = 1.25 // slices that grow hold room for a quarter more
	return int64(total * growth), nil
}

// Within returns the schedule with its token shares replaced such that a sequence of so many tokens keeps the budget: the
// paper's line over the layers, at the largest average that fits.
func (s *Schedule) Within(b Budget, shape Shape, tokens, cacheBits int) (*Schedule, error) {
	if s == nil {
		s = &Schedule{}
	}
	with := func(share float64) *Schedule {
		c := *s
		c.Tokens, c.Average = nil, nil
		if share < 1 {
			c.Tokens = line(shape.Layers, share, 0, defaultTokenFront)
		}
		if a := s.Average; a != nil {
			_, c.Heads, c.Values = a.shares(s, shape.Layers)
		}
		return &c
	}
	if b.Tokens > 0 {
		if b.Tokens >= tokens {
			return with(1), nil
		}
		return with(float64(b.Tokens) / float64(tokens)), nil
	}
	most := b.Bytes
	if b.Ratio > 0 {
		most = int64(b.Ratio * 2 * 2 * float64(shape.KVHeads*shape.HeadDim) * float64(tokens) * float64(shape.Layers))
	}
	low, high := 0.0, 1.0 // the first fits, the second may not
	for i := range 30 {
		share := (low + high) / 2
		if i == 0 {
			share = 1
		}
		bytes, err := with(max(share, 1e-4)).CacheBytes(shape, tokens, cacheBits)
		if err != nil {
			return nil, err
		}
		if bytes <= most {
			if low = share; share == 1 {
				return with(1), nil
			}
		} else {
			high = share
		}
	}
	if low == 0 {
		return nil, fmt.Errorf("%w: %d bytes for %d tokens; the first layers keep all tokens, so ask for fewer bits or a larger budget", ErrBudget, most, tokens)
	}
	return with(low), nil
}
