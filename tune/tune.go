// Package tune is part of stage 9, results to people: it reads how far schedules lead a model from what it predicts densely,
// and what they cost, and writes the front of those that nothing beats, and which of them to use.
package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Options of a search.
type Options struct {
	Space    Space
	Goal     Goal
	Hopeless float64 // divergence beyond which a start is given up; 0 is eight times the loss that the goal allows, or 1 without one
	Rounds   int     // of measuring dials one by one; 0 is 1
	Mutation int     // schedules tried after the structured part
	Seed     uint64  // of those
	Progress func(done string, p *Point)
}

// Search is a search under way.
type Search struct {
	o      Options
	dials  []Dial
	judge  Judge
	state  *State
	points []Point
	seen   map[string]*Point
}

// Run searches: the starts of the space first, then the sensitivity of each dial, then the schedules that these
// promise, then mutations of the front. It returns all points in the order in which they were measured.
func Run(ctx context.Context, judge Judge, state *State, o Options) ([]Point, error) {
	if state == nil {
		state = &State{known: map[string]Point{}}
	}
	s := &Search{o: o, dials: o.Space.Dials(), judge: judge, state: state, seen: map[string]*Point{}}
	if len(s.dials) == 0 || len(o.Space.Starts()) < 2 {
		return nil, errors.New("tune: there is nothing to search: no dials, or one setting of all of them")
	}
	for _, part := range []func(context.Context) error{s.starts, s.structured, s.mutate} {
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
	p, err := Measure(ctx, s.judge, s.o.Space, levels, func(step int, kl float64) bool {
		given = given || limit > 0 && step >= 16 && kl > limit*(1+8/math.Sqrt(float64(step)))
		return given
	})
	p.Hopeless = given
	return p, err
}

// Measure measures one schedule of a space. hopeless, which may be nil, is asked now and then whether to give it up.
func Measure(ctx context.Context, judge Judge, space Space, levels []int, hopeless func(step int, kl float64) bool) (Point, error) {
	score, err := judge.Score(ctx, space.Schedule("candidate", levels), hopeless)
	return Point{Levels: slices.Clone(levels), Score: score}, err
}

// starts measures where the space begins.
func (s *Search) starts(ctx context.Context) error {
	for _, start := range s.o.Space.Starts() {
		if _, err := s.measure(ctx, start.Name, start.Levels, s.limit()); err != nil {
			return err
		}
	}
	return nil
}

// limit is the divergence beyond which a schedule is of no use to the goal, even as what others are made from.
func (s *Search) limit() float64 {
	switch {
	case s.o.Hopeless > 0:
		return s.o.Hopeless
	case s.o.Goal.Within > 0:
		return 8 * s.o.Goal.Within
	}
	return 1
}

// mutate changes points near the goal, a few dials towards more and a few towards less, and keeps what pays.
func (s *Search) mutate(ctx context.Context) error {
	r := rand.New(rand.NewPCG(s.o.Seed, 0))
	for i := range s.o.Mutation {
		from := s.parent(r)
		levels := slices.Clone(from.Levels)
		for range 1 + r.IntN(3) {
			s.shift(levels, r.IntN(len(s.dials)), -1)
			s.shift(levels, r.IntN(len(s.dials)), 1)
		}
		if r.IntN(2) == 0 {
			s.shift(levels, r.IntN(len(s.dials)), 1)
		}
		if _, err := s.measure(ctx, fmt.Sprintf("mutation %d", i), levels, 2*from.KL); err != nil {
			return err
		}
	}
	return nil
}

// shift turns a dial, as far as it goes.
func (s *Search) shift(levels []int, dial, by int) {
	levels[dial] = min(s.dials[dial].Settings-1, max(0, levels[dial]+by))
}

// parent draws a point of the front, one near the goal half of the time.
func (s *Search) parent(r *rand.Rand) *Point {
	front := Front(s.points)
	if best := s.o.Goal.Choose(front); best != nil && r.IntN(2) == 0 {
		return best
	}
	return &front[r.IntN(len(front))]
}
