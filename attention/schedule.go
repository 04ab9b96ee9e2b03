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
	Renormalize bool        `yaml:"renormalize,omitempty" json:"renormalize,omitempty"`
	Granularity Granularity `yaml:"granularity,omitempty" json:"granularity,omitempty"`
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

// KeyBits are the widths of keys. MSB 0 leaves them unquantized.
type KeyBits struct {
	MSB       int     `yaml:"msb,omitempty" json:"msb,omitempty"`
	LSB       int     `yaml:"lsb,omitempty" json:"lsb,omitempty"`
	Threshold float32 `yaml:"threshold,omitempty" json:"threshold,omitempty"` // of the largest probability
	Ask       Ask     `yaml:"ask,omitempty" json:"ask,omitempty"`
	Share     float64 `yaml:"share,omitempty" json:"share,omitempty"` // of the keys whose LSBs are fetched, with ask: key
	Scale     string  `yaml:"scale,omitempty" json:"scale,omitempty"` // token or channel
}

// ValueBits is the width of values. 0 leaves them unquantized.
type ValueBits struct {
	Bits int `yaml:"bits,omitempty" json:"bits,omitempty"`
}

// QueryBits is the width of queries. 0 leaves them unquantized.
type QueryBits struct {
	Bits int `yaml:"bits,omitempty" json:"bits,omitempty"`
}

// Length adapts the token shares to the length of the sequence: longer inputs are pruned more (III-A). At n tokens the
// part of a share that is pruned is scaled by 1 + Slope·log₂(n/Reference), and never falls under 0.
type Length struct {
	Reference int     `yaml:"reference" json:"reference"` // tokens at which the shares hold as written
	Slope     float64 `yaml:"slope" json:"slope"`         // a doubling of the length
}

// Shares are numbers in (0, 1], one a layer, or one for all layers.
type Shares []float64

// UnmarshalYAML accepts a number or a list.
func (s *Shares) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var v float64
		if err := n.Decode(&v); err != nil {
			return err
		}
		*s = Shares{v}
		return nil
	}
	var list []float64
	if err := n.Decode(&list); err != nil {
		return err
	}
	*s = list
	return nil
}

// MarshalYAML writes a single share as a number and lists in one line.
func (s Shares) MarshalYAML() (any, error) {
	if len(s) == 1 {
		return s[0], nil
	}
	n := &yaml.Node{}
	if err := n.Encode([]float64(s)); err != nil {
		return nil, err
	}
	n.Style = yaml.FlowStyle
	return n, nil
}

// At returns the share of a layer; without shares everything is kept.
func (s Shares) At(layer int) float64 {
	switch len(s) {
	case 0:
		return 1
	case 1:
		return s[0]
	default:
		return s[min(layer, len(s)-1)]
	}
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
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return &s, nil
}

// YAML returns the canonical form of the schedule, from which Hash is made.
func (s *Schedule) YAML() string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(s); err != nil {
		return "" // a Schedule holds nothing that cannot be encoded
	}
	return b.String()
}

// Hash names the schedule by its content.
func (s *Schedule) Hash() string {
	sum := sha256.Sum256([]byte(s.YAML()))
	return hex.EncodeToString(sum[:8])
}

// Validate reports what cannot be carried out, whatever the model.
func (s *Schedule) Validate() error {
	fail := func(format string, a ...any) error { return fmt.Errorf("schedule: "+format, a...) }
	for _, list := range []struct {
		name    string
		shares  Shares
		cascade bool
	}{{"tokens", s.Tokens, true}, {"heads", s.Heads, true}, {"values", s.Values, false}} {
		last := 1.0
		for i, v := range list.shares {
			if !(v > 0 && v <= 1) {
				return fail("%s of layer %d are %g; a share lies above 0 and is at most 1", list.name, i, v)
			}
			if list.cascade && v > last {
				return fail("%s rise from %g to %g at layer %d; what is gone cannot come back", list.name, last, v, i)
			}
			last = v
		}
		if list.cascade && len(list.shares) > 0 && list.shares[0] != 1 {
			return fail("%s begin with %g; all of them enter the first layer, so the first share is 1", list.name, list.shares[0])
		}
	}
	bits := s.Key.MSB + s.Key.LSB
	switch {
	case s.Granularity != "" && s.Granularity != ByLayer && s.Granularity != ByHead:
		return fail("granularity %q is neither layer nor head", s.Granularity)
	case s.Chunk < 0 || s.Protect.First < 0 || s.Protect.Last < 0 || s.Protect.Recent < 0:
		return fail("chunk and protect cannot be negative")
	case s.Key.MSB < 0 || s.Key.LSB < 0 || s.Key.MSB == 1 || bits > 14 || s.Key.MSB == 0 && s.Key.LSB > 0:
		return fail("keys of %d + %d bits; 2 to 14 bits in all, or 0 for unquantized keys", s.Key.MSB, s.Key.LSB)
	case s.Value.Bits < 0 || s.Value.Bits == 1 || s.Value.Bits > 14 || s.Query.Bits < 0 || s.Query.Bits == 1 || s.Query.Bits > 16:
		return fail("values of %d bits, queries of %d; 2 to 14 (queries 16), or 0 for unquantized", s.Value.Bits, s.Query.Bits)
	case !(s.Key.Threshold >= 0 && s.Key.Threshold <= 1):
		return fail("threshold %g is no probability", s.Key.Threshold)
	case s.Key.Ask != "" && s.Key.Ask != AskQuery && s.Key.Ask != AskKey:
		return fail("ask %q is neither query nor key", s.Key.Ask)
	case s.Key.Ask == AskKey && !(s.Key.Share > 0 && s.Key.Share <= 1):
		return fail("ask: key needs the share of keys whose LSBs are fetched, above 0 and at most 1; it is %g", s.Key.Share)
	case s.Key.Scale != "" && s.Key.Scale != "token" && s.Key.Scale != "channel":
		return fail("scale %q is neither token nor channel", s.Key.Scale)
	case s.Pooling != "" && s.Pooling != PoolLast && s.Pooling != PoolSurvivors:
		return fail("pooling %q is neither last nor survivors", s.Pooling)
	case s.Length != nil && (s.Length.Reference <= 0 || math.IsNaN(s.Length.Slope) || math.Abs(s.Length.Slope) > 10):
		return fail("length needs a reference of at least one token and a slope between -10 and 10")
	}
	if s.Average != nil {
		if err := s.Average.validate(s); err != nil {
			return err
		}
	}
	_, err := s.Importance.importance()
	return err
}

// For checks that the schedule's lists fit a model of so many layers, and returns the schedule with its averages turned
// into lists.
func (s *Schedule) For(layers int) (*Schedule, error) {
	out := *s
	if s.Average != nil {
		out.Tokens, out.Heads, out.Values = s.Average.shares(s, layers)
		out.Average = nil
	}
	for name, list := range map[string]Shares{"tokens": out.Tokens, "heads": out.Heads, "values": out.Values} {
		if len(list) > 1 && len(list) != layers {
			return nil, fmt.Errorf("schedule: %s lists %d layers, the model has %d; write one share a layer, or derive them with: spatten schedule derive --layers %d", name, len(list), layers, layers)
		}
	}
	return &out, nil
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
