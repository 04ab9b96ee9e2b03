// Package sample is part of stage 5, layers to text: it reads the logits of one step and writes the token that follows.
package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Options say how a token is drawn. The zero Options draw from the unchanged distribution; Temperature 0 with Greedy set takes
// the best token.
type Options struct {
	Greedy            bool
	Temperature       float64 // 0 stands for 1 unless Greedy
	TopK              int     // only the k best; 0 is all
	TopP              float64 // only the best that together reach this probability; 0 or 1 is all
	MinP              float64 // only those at least this share of the best one's probability; 0 is all
	RepetitionPenalty float64 // divides the logits of tokens that were seen (multiplies negative ones); 0 or 1 is none
	Bias              map[int32]float64
	Seed              uint64
}

func (o *Options) validate() error {
	switch {
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 0):
		return fmt.Errorf("sample: temperature %g is negative or no number", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("sample: top-k %d is negative", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("sample: top-p %g is no probability", o.TopP)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fmt.Errorf("sample: min-p %g is no probability", o.MinP)
	case !(o.RepetitionPenalty >= 0) || math.IsInf(o.RepetitionPenalty, 0):
		return fmt.Errorf("sample: repetition penalty %g is negative or no number", o.RepetitionPenalty)
	}
	return nil
}

// Sampler draws tokens. The order of its steps is llama.cpp's: bias and penalty, then top-k, top-p, min-p, and temperature last,
// so that the cuts look at the model's own distribution. The same seed and logits give the same tokens.
type Sampler struct {
	o          Options
	random     *rand.Rand
	candidates []candidate
	seen       map[int32]bool
}

// New returns a sampler.
func New(o Options) (*Sampler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Sampler{o: o, random: rand.New(rand.NewPCG(o.Seed, 0x5370417474656e)), seen: map[int32]bool{}}, nil
}

// See tells the repetition penalty of tokens that the sampler did not draw itself: the prompt's.
func (s *Sampler) See(ids []int32) {
	if s.penalizes() {
		for _, id := range ids {
			s.seen[id] = true
		}
	}
}

func (s *Sampler) penalizes() bool {
	return s.o.RepetitionPenalty != 0 && s.o.RepetitionPenalty != 1
}

// Next draws a token; logits are changed by bias and penalty.
func (s *Sampler) Next(logits []float32) int32 {
	for id, b := range s.o.Bias {
		if int(id) < len(logits) && id >= 0 {
			logits[id] += float32(b)
		}
	}
	if s.penalizes() {
		s.penalize(logits)
	}
	id := best(logits)
	if !s.o.Greedy {
		id = s.draw(logits)
	}
	if s.penalizes() {
		s.seen[id] = true
	}
	return id
}

func (s *Sampler) penalize(logits []float32) {
	for id := range s.seen {
		if id < 0 || int(id) >= len(logits) {
			continue
		}
		if v := logits[id]; v > 0 {
			logits[id] = float32(float64(v) / s.o.RepetitionPenalty)
		} else {
			logits[id] = float32(float64(v) * s.o.RepetitionPenalty)
		}
	}
}

// best returns the token with the largest logit, the first of equals.
func best(logits []float32) int32 {
	at := 0
	for i, v := range logits {
		if v > logits[at] || logits[at] != logits[at] {
			at = i
		}
	}
	return int32(at)
}

// draw cuts the distribution as asked and draws from what is left.
func (s *Sampler) draw(logits []float32) int32 {
	c, top := s.cut(logits)
	temperature := s.o.Temperature
	if temperature == 0 {
		temperature = 1
	}
	total := 0.0
	for i := range c {
		c[i].p = math.Exp((c[i].logit - top) / temperature)
		total += c[i].p
	}
	point := s.random.Float64() * total
	for i := range c {
		if point -= c[i].p; point < 0 {
			return c[i].id
		}
	}
	return c[len(c)-1].id
}

// LogProb is a token with the natural logarithm of its probability.
type LogProb struct {
	ID      int32
	LogProb float64
}

// Top returns the n most likely tokens, the best first; of equals the lower id.
func Top(logits []float32, n int) []LogProb {
	norm := LogSum(logits)
	var top []LogProb
	for i, v := range logits {
		p := LogProb{int32(i), float64(v) - norm}
		if len(top) == n && (n == 0 || p.LogProb <= top[n-1].LogProb) || v != v {
			continue
		}
		at := len(top)
		for at > 0 && top[at-1].LogProb < p.LogProb {
			at--
		}
		top = slices.Insert(top, at, p)
		if len(top) > n {
			top = top[:n]
		}
	}
	return top
}

// LogSum returns log Σ exp(logit).
func LogSum(logits []float32) float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
