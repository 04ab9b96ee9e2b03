package eval

import (
	"context"

	"spatten/attention"
)

// Probe scores one schedule after another on the same excerpts. What the model makes of them densely is computed once, and
// schedules with prompt: dense go on from prompts that were read once, so that one costs only its decode steps. It holds keys,
// values and predictions of all excerpts in memory.
type Probe struct{ all *part }

// Probe reads all excerpts with nothing pruned.
func (s *Scorer) Probe(ctx context.Context) (*Probe, error) {
	done := 0
	all, err := s.dense(ctx, s.excerpts, func() { done++; s.r.progress(done, len(s.excerpts)) })
	return &Probe{all}, err
}

// Score feeds all continuations back under a schedule and returns what it makes of every excerpt. hopeless, which may be nil,
// is asked every eight tokens whether the mean divergence so far is too much to go on; figures are then of the tokens until there.
func (p *Probe) Score(ctx context.Context, schedule *attention.Schedule, hopeless func(step int, kl float64) bool) ([]Excerpt, error) {
	return p.all.score(ctx, schedule, hopeless)
}

// Close frees the memory.
func (p *Probe) Close() { p.all.close() }
