// Package attention is stage 4, what SpAtten computes: it reads queries, keys and values of live tokens and writes their
// attention, and decides on the way which tokens, heads, values and bits are worth it. It knows no clocks and no cycles.
// Source: Wang, Zhang, Han, "SpAtten", HPCA 2021 (arXiv 2012.09852); section numbers are that paper's.
package attention

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"go.yaml.in/yaml/v3"
)

// Granularity says how often tokens are ranked.
type Granularity string

// Rankings after a layer, or before each head on the scores so far (III-A).
const (
	ByLayer Granularity = "layer"
	ByHead  Granularity = "head"
)

// Ask says what fetches the least significant bits of keys.
type Ask string

// AskQuery recomputes the whole query with LSBs where its largest probability is under the threshold (III-D); AskKey
// fetches LSBs only for the share of keys that scored best.
const (
	AskQuery Ask = "query"
	AskKey   Ask = "key"
)

// Scale says what shares a scale of quantized keys.
type Scale string

// ByToken has one scale a row; ByChannel one for each channel of a block of rows.
const (
	ByToken   Scale = "token"
	ByChannel Scale = "channel"
)

// Pooling says what a mean-pooled encoder averages.
type Pooling string

// PoolLast averages the last state of every token before it was pruned; PoolSurvivors only the tokens that are left.
const (
	PoolLast      Pooling = "last"
	PoolSurvivors Pooling = "survivors"
)

// Schedule says for every layer what is kept and how many bits are read. The zero Schedule prunes nothing.
type Schedule struct {
	Name        string      `yaml:"name" json:"name"`
	Tokens      Shares      `yaml:"tokens,omitempty" json:"tokens,omitempty"` // of the sequence so far, entering each layer
	Heads       Shares      `yaml:"heads,omitempty" json:"heads,omitempty"`   // of all heads, live in each layer
	Values      Shares      `yaml:"values,omitempty" json:"values,omitempty"` // of the keys that a query sees
	Mass        Shares      `yaml:"mass,omitempty" json:"mass,omitempty"`     // of probability that the values of a generated token hold, with choose: group
	Choose      Choice      `yaml:"choose,omitempty" json:"choose,omitempty"` // who chooses a generated token's values and LSBs
	Renormalize bool        `yaml:"renormalize,omitempty" json:"renormalize,omitempty"`
	Rest        Rest        `yaml:"rest,omitempty" json:"rest,omitempty"` // what stands for the values that a generated token leaves out
	Granularity Granularity `yaml:"granularity,omitempty" json:"granularity,omitempty"`
	Prompt      Prompt      `yaml:"prompt,omitempty" json:"prompt,omitempty"`
	Chunk       int         `yaml:"chunk,omitempty" json:"chunk,omitempty"` // prefill chunk in tokens; 0 is the whole prompt
	Protect     Protect     `yaml:"protect,omitempty" json:"protect"`
	Importance  Policy      `yaml:"importance,omitempty" json:"importance"`
	Key         KeyBits     `yaml:"key,omitempty" json:"key"`
	Value       ValueBits   `yaml:"value,omitempty" json:"value"`
	Query       QueryBits   `yaml:"query,omitempty" json:"query"`
	Pooling     Pooling     `yaml:"pooling,omitempty" json:"pooling,omitempty"`
	Length      *Length     `yaml:"length,omitempty" json:"length,omitempty"`
	Average     *Average    `yaml:"average,omitempty" json:"average,omitempty"`
}

// Protect names the positions that are never pruned, beside the one whose state the model's head reads.
type Protect struct {
	First  int `yaml:"first,omitempty" json:"first,omitempty"`   // attention sinks: the first tokens
	Last   int `yaml:"last,omitempty" json:"last,omitempty"`     // the last tokens of the prompt
	Recent int `yaml:"recent,omitempty" json:"recent,omitempty"` // the newest tokens of the sequence so far
}

// Policy names who decides what is important.
type Policy struct {
	Policy string `yaml:"policy,omitempty" json:"policy,omitempty"` // see Policies
	Window int    `yaml:"window,omitempty" json:"window,omitempty"` // queries that count, where the policy has a window
	Pool   int    `yaml:"pool,omitempty" json:"pool,omitempty"`     // neighbours over which scores are max-pooled; odd
	Seed   uint64 `yaml:"seed,omitempty" json:"seed,omitempty"`     // of the random policy
}

// KeyBits are the widths of keys, one for all layers or one a layer. MSB 0 leaves them unquantized.
type KeyBits struct {
	MSB       Widths     `yaml:"msb,omitempty" json:"msb,omitempty"`
	LSB       Widths     `yaml:"lsb,omitempty" json:"lsb,omitempty"`
	Threshold Thresholds `yaml:"threshold,omitempty" json:"threshold,omitempty"` // of the largest probability
	Ask       Ask        `yaml:"ask,omitempty" json:"ask,omitempty"`
	Share     Shares     `yaml:"share,omitempty" json:"share,omitempty"` // of the keys whose LSBs are fetched, with ask: key
	Mass      Shares     `yaml:"mass,omitempty" json:"mass,omitempty"`   // of first-round probability that they hold, with choose: group
	Scale     Scale      `yaml:"scale,omitempty" json:"scale,omitempty"`
	Center    bool       `yaml:"center,omitempty" json:"center,omitempty"` // quantize keys less their mean over a dense prompt
}

// ValueBits is the width of values. 0 leaves them unquantized.
type ValueBits struct {
	Bits Widths `yaml:"bits,omitempty" json:"bits,omitempty"`
}

// QueryBits is the width of queries. 0 leaves them unquantized.
type QueryBits struct {
	Bits Widths `yaml:"bits,omitempty" json:"bits,omitempty"`
}

// Length adapts the token shares to the length of the sequence: longer inputs are pruned more (III-A). At n tokens the
// part of a share that is pruned is scaled by 1 + Slope·log₂(n/Reference), and never falls under 0.
type Length struct {
	Reference int     `yaml:"reference" json:"reference"` // tokens at which the shares hold as written
	Slope     float64 `yaml:"slope" json:"slope"`         // a doubling of the length
}

// maxScheduleBytes bounds a schedule's file.
const maxScheduleBytes = 1 << 20

// ParseSchedule reads a schedule's YAML. Unknown keys are errors.
func ParseSchedule(r io.Reader) (*Schedule, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxScheduleBytes+1))
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if len(data) > maxScheduleBytes {
		return nil, fmt.Errorf("schedule: longer than %d bytes", maxScheduleBytes)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var s Schedule
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("schedule: more than one document; a file holds one schedule")
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return &s, nil
}

// YAML returns the canonical form of the schedule, from which Hash is made: what is as by default is left out.
func (s *Schedule) YAML() string {
	c := *s
	omit(&c.Granularity, ByLayer)
	omit(&c.Key.Ask, AskQuery)
	omit(&c.Key.Scale, ByToken)
	omit(&c.Pooling, PoolLast)
	omit(&c.Prompt, PromptPruned)
	omit(&c.Choose, ByQueryHead)
	omit(&c.Rest, RestNothing)
	omit(&c.Importance.Policy, "cumulative")
	if c.Average != nil {
		a := *c.Average
		omit(&a.Of, OfSequence)
		c.Average = &a
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&c); err != nil {
		return "" // a Schedule holds nothing that cannot be encoded
	}
	return b.String()
}

// omit empties a field that says what is so by default.
func omit[T comparable](field *T, byDefault T) {
	if *field == byDefault {
		var zero T
		*field = zero
	}
}

// String returns the canonical form.
func (s *Schedule) String() string { return s.YAML() }

// Hash is the SHA-256 of the canonical form: the schedule by its content.
func (s *Schedule) Hash() string {
	sum := sha256.Sum256([]byte(s.YAML()))
	return hex.EncodeToString(sum[:])
}

// For checks that the schedule's lists fit a model of so many layers, and returns the schedule with its averages turned
// into lists.
func (s *Schedule) For(layers int) (*Schedule, error) {
	out := *s
	if s.Average != nil {
		out.Tokens, out.Heads, out.Values = s.Average.shares(s, layers)
		out.Average = nil
	}
	for _, list := range out.lists() {
		if list.n > 1 && list.n != layers {
			return nil, fmt.Errorf("schedule: %s lists %d layers, the model has %d; write one number a layer, or let 'spatten schedule derive --layers %d' make the lists", list.name, list.n, layers, layers)
		}
	}
	return &out, nil
}

// lists are the fields that may hold a number a layer.
func (s *Schedule) lists() []struct {
	name string
	n    int
} {
	return []struct {
		name string
		n    int
	}{
		{"tokens", len(s.Tokens)}, {"heads", len(s.Heads)}, {"values", len(s.Values)},
		{"key msb", len(s.Key.MSB)}, {"key lsb", len(s.Key.LSB)}, {"key threshold", len(s.Key.Threshold)}, {"key share", len(s.Key.Share)}, {"mass", len(s.Mass)}, {"key mass", len(s.Key.Mass)},
		{"value bits", len(s.Value.Bits)}, {"query bits", len(s.Query.Bits)},
	}
}

// keep returns how many of n tokens enter a layer: ⌊n·share⌋, with the share adapted to the length.
func (s *Schedule) keep(layer, n int) int {
	share := s.Tokens.At(layer)
	if s.Length != nil && share < 1 {
		factor := 1 + s.Length.Slope*math.Log2(float64(n)/float64(s.Length.Reference))
		share = min(1, max(0, 1-(1-share)*max(0, factor)))
	}
	return floor(n, share)
}

// floor is ⌊n·share⌋, unharmed by shares such as 0.29 that lie a little under their decimal form.
func floor(n int, share float64) int { return int(math.Floor(float64(n)*share + 1e-9)) }

// prunesTokens reports whether any layer drops tokens.
func (s *Schedule) prunesTokens() bool { return len(s.Tokens) > 0 && s.Tokens[len(s.Tokens)-1] < 1 }

// Dense reports whether the schedule changes nothing.
func (s *Schedule) Dense() bool {
	return len(s.Tokens)+len(s.Heads)+len(s.Values)+len(s.Mass) == 0 && s.Average == nil &&
		s.Key.MSB.max() == 0 && s.Value.Bits.max() == 0 && s.Query.Bits.max() == 0
}
