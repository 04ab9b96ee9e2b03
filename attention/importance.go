package attention

import (
	"fmt"
	"slices"
	"strings"
)

// Importance decides which tokens matter. One policy a file, each with its source.
type Importance interface {
	// Sums says which probabilities are accumulated for it.
	Sums() Sums
	// Score writes a score for every candidate; the highest stay. dst has a place for each.
	Score(dst []float32, c *Candidates)
}

// Sums says which rows of probabilities a policy accumulates.
type Sums struct {
	None      bool // nothing: the policy looks only at positions
	Window    int  // only the newest queries count; 0 is all of them
	Layerwise bool // every layer ranks on its own sums, instead of on those of all layers before it
	Prompt    bool // only the prompt's queries count
}

// Candidates are the tokens that a ranking chooses from.
type Candidates struct {
	Layer     int       // that the tokens have just passed
	Length    int       // of the sequence so far
	Keep      int       // how many will stay
	Positions []int32   // ascending
	Sums      []float32 // accumulated probability of each
	Queries   []float32 // how many counted queries, over all layers passed, could see each
	raw       []float32 // scratch: scores before they are pooled
}

// policies are the known ways to decide, by name.
var policies = map[string]func(Policy) Importance{
	"cumulative": func(Policy) Importance { return cumulative{} },
	"normalized": func(Policy) Importance { return normalized{} },
	"window":     func(p Policy) Importance { return window{orWindow(p.Window, 64)} },
	"h2o":        func(Policy) Importance { return h2o{} },
	"streaming":  func(Policy) Importance { return streaming{} },
	"snapkv":     func(p Policy) Importance { return snapKV{orWindow(p.Window, 32), orWindow(p.Pool, 7)} },
	"random":     func(p Policy) Importance { return random{p.Seed} },
	"recency":    func(Policy) Importance { return recency{} },
}

// Policies returns the names of all importance policies.
func Policies() []string {
	var names []string
	for name := range policies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// importance makes the policy; without a name it is the paper's.
func (p Policy) importance() (Importance, error) {
	name := p.Policy
	if name == "" {
		name = "cumulative"
	}
	make, ok := policies[name]
	if !ok {
		return nil, fmt.Errorf("schedule: importance policy %q is unknown; there are %s", name, strings.Join(Policies(), ", "))
	}
	if p.Window < 0 || p.Pool < 0 || p.Pool > 1 && p.Pool%2 == 0 {
		return nil, fmt.Errorf("schedule: importance window %d and pool %d; neither is negative, and pool is odd", p.Window, p.Pool)
	}
	chosen := make(p)
	if _, own := chosen.(snapKV); p.Pool > 1 && !own {
		chosen = pooled{chosen, p.Pool}
	}
	return chosen, nil
}

func orWindow(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// pooled lets a token count as much as its best neighbour, so that what is kept hangs together.
type pooled struct {
	Importance
	width int
}

func (p pooled) Score(dst []float32, c *Candidates) {
	c.raw = room(c.raw, len(dst))
	p.Importance.Score(c.raw, c)
	maxPool(dst, c.raw, p.width)
}

// maxPool writes the largest of width neighbours around each score.
func maxPool(dst, raw []float32, width int) {
	for i := range dst {
		dst[i] = slices.Max(raw[max(0, i-width/2):min(len(raw), i+width/2+1)])
	}
}
