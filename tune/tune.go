// Package tune is part of stage 9, results to people: it reads how far schedules lead a model from what it predicts densely,
// and what they cost, and writes the front of those that nothing beats, and which of them to use.
package tune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"spatten/attention"
	"spatten/eval"
)

// Judge measures a schedule. hopeless is asked now and then whether to go on.
type Judge interface {
	Score(ctx context.Context, s *attention.Schedule, hopeless func(step int, kl float64) bool) ([]eval.Excerpt, error)
}

// Options of a search.
type Options struct {
	Layers   int
	Ladder   []Rung // nil: Ladder()
	Goal     Goal
	Together int    // layers that move together; 0 is 1
	Mutation int    // schedules tried after the structured part
	Seed     uint64 // of those
	Progress func(done string, p *Point)
}

// Search is a search under way.
type Search struct {
	o      Options
	judge  Judge
	state  *State
	points []Point
	seen   map[string]*Point
}

// Run searches: the uniform schedules of the ladder first, then the sensitivity of each layer, then the schedules that it
// promises, then mutations of the front. It returns all points in the order in which they were measured.
func Run(ctx context.Context, judge Judge, state *State, o Options) ([]Point, error) {
	if o.Ladder == nil {
		o.Ladder = Ladder()
	}
	o.Together = max(1, o.Together)
	if o.Layers < 1 || len(o.Ladder) < 2 {
		return nil, fmt.Errorf("tune: %d layers and %d rungs; there is nothing to search", o.Layers, len(o.Ladder))
	}
	if state == nil {
		state = &State{known: map[string]Point{}}
	}
	s := &Search{o: o, judge: judge, state: state, seen: map[string]*Point{}}
	for _, part := range []func(context.Context) error{s.uniform, s.structured, s.mutate} {
		if err := part(ctx); err != nil {
			return s.points, err
		}
	}
	return s.points, nil
}

// measure measures a schedule, once. limit is the divergence from which it is hopeless; 0 for none.
func (s *Search) measure(ctx context.Context, what string, levels []int, limit float64) (*Point, error) {
	if p := s.seen[key(levels)]; p != nil {
		return p, nil
	}
	p, known := s.state.known[key(levels)]
	if !known {
		var err error
		if p, err = s.score(ctx, levels, limit); err != nil {
			return nil, err
		}
		if err := s.state.add(p); err != nil {
			return nil, err
		}
	}
	s.points = append(s.points, p)
	s.seen[key(levels)] = &p
	if s.o.Progress != nil {
		s.o.Progress(what, &p)
	}
	return &p, nil
}

// score asks the judge.
func (s *Search) score(ctx context.Context, levels []int, limit float64) (Point, error) {
	given := false
	p, err := Measure(ctx, s.judge, s.o.Ladder, levels, func(step int, kl float64) bool {
		given = given || limit > 0 && step >= 16 && kl > limit*(1+8/math.Sqrt(float64(step)))
		return given
	})
	p.Hopeless = given
	return p, err
}

// Measure measures the schedule that has its layers on these rungs. hopeless, which may be nil, is asked now and then
// whether to give it up.
func Measure(ctx context.Context, judge Judge, ladder []Rung, levels []int, hopeless func(step int, kl float64) bool) (Point, error) {
	p := Point{Levels: append([]int(nil), levels...)}
	texts, err := judge.Score(ctx, Schedule("candidate", ladder, levels), hopeless)
	if err != nil {
		return p, fmt.Errorf("tune: %w", err)
	}
	p.Worst = math.Inf(-1)
	for _, d := range texts {
		p.KL += d.KL / float64(len(texts))
		p.LogRatio += d.LogRatio() / float64(len(texts))
		p.Worst, p.WorstKL = max(p.Worst, d.LogRatio()), max(p.WorstKL, d.KL)
		p.Bytes, p.Dense = p.Bytes+d.KVBytes, p.Dense+d.DenseKVBytes
	}
	return p, nil
}

// uniform measures every rung on all layers.
func (s *Search) uniform(ctx context.Context) error {
	for level := range s.o.Ladder {
		if _, err := s.measure(ctx, fmt.Sprintf("rung %d on all layers", level), s.all(level), s.limit()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Search) all(level int) []int {
	levels := make([]int, s.o.Layers)
	for i := range levels {
		levels[i] = level
	}
	return levels
}

// limit is the divergence beyond which a schedule is of no use to the goal, even as what others are made from.
func (s *Search) limit() float64 {
	if s.o.Goal.Within > 0 {
		return 8 * log1p(s.o.Goal.Within)
	}
	return 1
}

// mutate changes points near the goal, a few blocks of layers up and a few down, and keeps what pays.
func (s *Search) mutate(ctx context.Context) error {
	r := rand.New(rand.NewPCG(s.o.Seed, 0))
	for i := range s.o.Mutation {
		from := s.parent(r)
		levels := append([]int(nil), from.Levels...)
		for range 1 + r.IntN(3) {
			s.shift(levels, r.IntN(s.blocks()), -1)
			s.shift(levels, r.IntN(s.blocks()), 1)
		}
		if r.IntN(2) == 0 {
			s.shift(levels, r.IntN(s.blocks()), 1)
		}
		if _, err := s.measure(ctx, fmt.Sprintf("mutation %d", i), levels, 2*from.KL); err != nil {
			return err
		}
	}
	return nil
}

// shift moves a block of layers along the ladder, as far as it goes.
func (s *Search) shift(levels []int, block, by int) {
	at := levels[block*s.o.Together]
	s.set(levels, block, min(len(s.o.Ladder)-1, max(0, at+by)))
}

// parent draws a point of the front, one near the goal half of the time.
func (s *Search) parent(r *rand.Rand) *Point {
	front := Front(s.points)
	if best := s.o.Goal.Choose(front); best != nil && r.IntN(2) == 0 {
		return best
	}
	return &front[r.IntN(len(front))]
}

func log1p(x float64) float64 { return math.Log1p(x) }
