// Package bench is part of stage 9: it measures how fast a model reads (prefill), writes (decode) and encodes, dense
// and pruned, beside the programs that people would otherwise use, and prints ratios measured in the same run.
package bench

import (
	"context"
	"fmt"
	"slices"
)

// Kind is what is measured.
type Kind string

// Prefill reads a prompt of Depth tokens; Decode writes tokens one by one after Depth tokens; Encode passes a text of
// Depth tokens through an encoder.
const (
	Prefill Kind = "prefill"
	Decode  Kind = "decode"
	Encode  Kind = "encode"
)

// Test is one measurement: what, how deep, on how many threads.
type Test struct {
	Kind    Kind
	Depth   int // tokens: the prompt's length, or those before the first decoded one
	Threads int
}

// String names the test as the table does.
func (t Test) String() string { return fmt.Sprintf("%s at %d, %d threads", t.Kind, t.Depth, t.Threads) }

// Sample is one measurement of one contender.
type Sample struct {
	TokensPerSecond float64
	CacheBytes      int64 // resident bytes of keys and values; 0 where unknown
	ReadBytes       int64 // bytes of keys and values that one decoded token reads; 0 where unknown
}

// Contender is a program, or a mode of ours, that can be measured.
type Contender interface {
	Peer() string // "spatten", "llama.cpp", "onnxruntime"
	Mode() string // "dense", "pruned"
	// Can reports whether the contender does a kind of test at all.
	Can(Kind) bool
	// Measure runs the test once.
	Measure(context.Context, Test) (Sample, error)
}

// Row is one line of the result.
type Row struct {
	Test            Kind      `json:"test"`
	Peer            string    `json:"peer"`
	Mode            string    `json:"mode"`
	Depth           int       `json:"depth"`
	Threads         int       `json:"threads"`
	TokensPerSecond float64   `json:"tokens_per_second"` // median
	Samples         []float64 `json:"samples"`
	Seconds         float64   `json:"seconds,omitempty"`            // of FirstToken: one over the rate
	RatioToBestPeer *float64  `json:"ratio_to_best_peer,omitempty"` // median of ours over the best peer's; absent where none ran
	RatioToDense    *float64  `json:"ratio_to_dense,omitempty"`     // median of ours, pruned, over ours, dense
	CacheBytes      int64     `json:"cache_bytes,omitempty"`
	ReadBytes       int64     `json:"kv_bytes_per_token,omitempty"`
}

// ours is the peer name whose rows get ratios.
const ours = "spatten"

// Run measures every contender on every test, interleaved: one round measures each contender once, so that a drift of
// the machine's speed meets all of them alike. progress is told before each measurement.
func Run(ctx context.Context, contenders []Contender, tests []Test, rounds int, progress func(done, of int, what string)) ([]Row, error) {
	var rows []Row
	total := 0
	for _, t := range tests {
		for _, c := range contenders {
			if c.Can(t.Kind) {
				total += rounds
			}
		}
	}
	done := 0
	for _, t := range tests {
		first := len(rows)
		var able []Contender
		for _, c := range contenders {
			if c.Can(t.Kind) {
				able = append(able, c)
				rows = append(rows, Row{Test: t.Kind, Peer: c.Peer(), Mode: c.Mode(), Depth: t.Depth, Threads: t.Threads})
			}
		}
		for range rounds {
			for i, c := range able {
				if err := ctx.Err(); err != nil {
					return rows, err
				}
				progress(done, total, fmt.Sprintf("%s %s: %s", c.Peer(), c.Mode(), t))
				s, err := c.Measure(ctx, t)
				if err != nil {
					return rows, fmt.Errorf("%s %s, %s: %w", c.Peer(), c.Mode(), t, err)
				}
				row := &rows[first+i]
				row.Samples = append(row.Samples, s.TokensPerSecond)
				row.CacheBytes, row.ReadBytes = s.CacheBytes, s.ReadBytes
				done++
			}
		}
		rate(rows[first:])
	}
	progress(done, total, "")
	return rows, nil
}

// rate fills in medians, and ratios where a peer or our dense mode ran the same test.
func rate(rows []Row) {
	best, dense := 0.0, 0.0
	for i := range rows {
		if rows[i].TokensPerSecond = median(rows[i].Samples); rows[i].Test == FirstToken {
			rows[i].Seconds = 1 / rows[i].TokensPerSecond
		}
		switch {
		case rows[i].Peer != ours:
			best = max(best, rows[i].TokensPerSecond)
		case rows[i].Mode == "dense":
			dense = rows[i].TokensPerSecond
		}
	}
	for i := range rows {
		if rows[i].Peer == ours && best > 0 {
			ratio := rows[i].TokensPerSecond / best
			rows[i].RatioToBestPeer = &ratio
		}
		if rows[i].Peer == ours && rows[i].Mode != "dense" && dense > 0 {
			ratio := rows[i].TokensPerSecond / dense
			rows[i].RatioToDense = &ratio
		}
	}
}

func median(samples []float64) float64 {
	s := slices.Sorted(slices.Values(samples))
	switch n := len(s); {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}
