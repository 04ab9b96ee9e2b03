package eval

import (
	"context"
	"errors"

	"spatten/attention"
)

// Policies scores a schedule that prunes tokens under each of the policies, all on the same excerpts; each is a schedule of
// its policy's name.
func (s *Scorer) Policies(ctx context.Context, base *attention.Schedule, names []string) ([]*Perplexity, error) {
	if base == nil || len(base.Tokens) == 0 && (base.Average == nil || base.Average.Tokens == 0) {
		return nil, errors.New("eval: the schedule prunes no tokens, so that no policy has anything to decide; say how many to keep")
	}
	var schedules []*attention.Schedule
	for _, name := range names {
		schedule := *base
		schedule.Name, schedule.Importance.Policy = name, name
		schedules = append(schedules, &schedule)
	}
	return s.ScoreAll(ctx, schedules...)
}
