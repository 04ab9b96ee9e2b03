package attention

import (
	"fmt"
	"math"
	"slices"
)

// The widest codes that bit planes hold.
const (
	maxKeyBits   = 16 // both planes; the first alone is under 16
	maxValueBits = 15
	maxQueryBits = 16
)

// Validate reports what cannot be carried out, whatever the model.
func (s *Schedule) Validate() error {
	for _, check := range []func() error{s.validateShares, s.validateBits, s.validateChoices} {
		if err := check(); err != nil {
			return fmt.Errorf("schedule: %w", err)
		}
	}
	if s.Average != nil {
		if err := s.Average.validate(s); err != nil {
			return err
		}
	}
	_, err := s.Importance.importance()
	return err
}

func (s *Schedule) validateShares() error {
	for _, list := range []struct {
		name    string
		shares  Shares
		cascade bool
	}{{"tokens", s.Tokens, true}, {"heads", s.Heads, true}, {"values", s.Values, false}, {"key share", s.Key.Share, false}, {"mass", s.Mass, false}, {"key mass", s.Key.Mass, false}} {
		last := 1.0
		for i, v := range list.shares {
			if !(v > 0 && v <= 1) {
				return fmt.Errorf("%s of layer %d are %g; a share lies above 0 and is at most 1", list.name, i, v)
			}
			if list.cascade && v > last {
				return fmt.Errorf("%s rise from %g to %g at layer %d; what is gone cannot come back", list.name, last, v, i)
			}
			last = v
		}
		if list.cascade && len(list.shares) > 0 && list.shares[0] != 1 {
			return fmt.Errorf("%s begin with %g; all of them enter the first layer, so the first share of the list is 1", list.name, list.shares[0])
		}
	}
	return nil
}

func (s *Schedule) validateBits() error {
	for i := range max(1, len(s.Key.MSB), len(s.Key.LSB)) {
		msb, lsb := s.Key.MSB.At(i), s.Key.LSB.At(i)
		if msb < 0 || msb == 1 || msb >= maxKeyBits || lsb < 0 || lsb >= maxKeyBits || msb+lsb > maxKeyBits || msb == 0 && lsb > 0 {
			return fmt.Errorf("keys of %d + %d bits in layer %d; at least 2 bits at first and at most %d in all, or 0 for unquantized keys", msb, lsb, i, maxKeyBits)
		}
	}
	for i, b := range s.Value.Bits {
		if b < 0 || b == 1 || b > maxValueBits {
			return fmt.Errorf("values of %d bits in layer %d; 2 to %d, or 0 for unquantized values", b, i, maxValueBits)
		}
	}
	for i, b := range s.Query.Bits {
		if b < 0 || b == 1 || b > maxQueryBits {
			return fmt.Errorf("queries of %d bits in layer %d; 2 to %d, or 0 for unquantized queries", b, i, maxQueryBits)
		}
	}
	for i, t := range s.Key.Threshold {
		if !(t >= 0 && t <= 1) {
			return fmt.Errorf("threshold %g of layer %d is no probability", t, i)
		}
	}
	return nil
}

func (s *Schedule) validateChoices() error {
	switch {
	case !slices.Contains([]Granularity{"", ByLayer, ByHead}, s.Granularity):
		return fmt.Errorf("granularity %q is neither layer nor head", s.Granularity)
	case s.Chunk < 0 || s.Protect.First < 0 || s.Protect.Last < 0 || s.Protect.Recent < 0:
		return fmt.Errorf("chunk and protect cannot be negative")
	case !slices.Contains([]Ask{"", AskQuery, AskKey}, s.Key.Ask):
		return fmt.Errorf("ask %q is neither query nor key", s.Key.Ask)
	case s.Key.Ask == AskKey && len(s.Key.Share) == 0:
		return fmt.Errorf("ask: key needs share, the part of the keys whose LSBs are fetched")
	case s.Key.Ask != AskKey && len(s.Key.Share) > 0:
		return fmt.Errorf("key share is only for ask: key")
	case !slices.Contains([]Scale{"", ByToken, ByChannel}, s.Key.Scale):
		return fmt.Errorf("scale %q is neither token nor channel", s.Key.Scale)
	case !slices.Contains([]Pooling{"", PoolLast, PoolSurvivors}, s.Pooling):
		return fmt.Errorf("pooling %q is neither last nor survivors", s.Pooling)
	case !slices.Contains([]Prompt{"", PromptPruned, PromptDense}, s.Prompt):
		return fmt.Errorf("prompt %q is neither pruned nor dense", s.Prompt)
	case !slices.Contains([]Choice{"", ByQueryHead, ByGroup}, s.Choose):
		return fmt.Errorf("choose %q is neither head nor group", s.Choose)
	case s.Choose == ByGroup && s.Granularity == ByHead:
		return fmt.Errorf("choose: group and granularity: head do not go together: a group's heads do not see the same keys")
	case s.Choose != ByGroup && len(s.Mass)+len(s.Key.Mass) > 0:
		return fmt.Errorf("mass is only for choose: group")
	case len(s.Key.Mass) > 0 && s.Key.Ask != AskKey:
		return fmt.Errorf("key mass is only for ask: key")
	case !slices.Contains([]Rest{"", RestNothing, RestMean}, s.Rest):
		return fmt.Errorf("rest %q is neither nothing nor mean", s.Rest)
	case s.Rest == RestMean && (s.Renormalize || s.Prompt != PromptDense):
		return fmt.Errorf("rest: mean needs prompt: dense, and gives the probability away that renormalize would spread")
	case s.Key.Center && s.Prompt != PromptDense:
		return fmt.Errorf("key center is the mean of a prompt read in full; it needs prompt: dense")
	case s.Length != nil && (s.Length.Reference <= 0 || math.IsNaN(s.Length.Slope) || math.Abs(s.Length.Slope) > 10):
		return fmt.Errorf("length needs a reference of at least one token and a slope between -10 and 10")
	}
	return nil
}
