package eval

import "spatten/attention"

// undone are the choices of a schedule beyond the paper's, and the paper's own, each undone: what the row of a table is
// called, and what becomes of the schedule.
var undone = []struct {
	name   string
	change func(s *attention.Schedule)
}{
	{"keys not centered", func(s *attention.Schedule) { s.Key.Center = false }},
	{"a scale a key, not a channel", func(s *attention.Schedule) { s.Key.Scale = attention.ByToken }},
	{"LSBs for none", func(s *attention.Schedule) {
		s.Key.LSB, s.Key.Share, s.Key.Mass, s.Key.Ask, s.Key.Threshold = nil, nil, nil, attention.AskQuery, nil
	}},
	{"LSBs for whole queries, under 0.1", func(s *attention.Schedule) {
		if len(s.Key.LSB) > 0 && s.Key.Ask == attention.AskKey {
			s.Key.Share, s.Key.Mass, s.Key.Ask, s.Key.Threshold = nil, nil, attention.AskQuery, attention.Thresholds{0.1}
		}
	}},
	{"LSBs for all keys", func(s *attention.Schedule) {
		if len(s.Key.LSB) == 0 {
			return
		}
		var both attention.Widths
		for i := range max(len(s.Key.MSB), len(s.Key.LSB)) {
			both = append(both, s.Key.MSB.At(i)+s.Key.LSB.At(i))
		}
		s.Key.MSB = both
		s.Key.LSB, s.Key.Share, s.Key.Mass, s.Key.Ask, s.Key.Threshold = nil, nil, nil, attention.AskQuery, nil
	}},
	{"keys unquantized", func(s *attention.Schedule) { s.Key = attention.KeyBits{} }},
	{"heads choose apart", func(s *attention.Schedule) {
		s.Choose, s.Mass, s.Key.Mass = attention.ByQueryHead, nil, nil
	}},
	{"not renormalized", func(s *attention.Schedule) { s.Renormalize = false }},
	{"the mean for values left out", func(s *attention.Schedule) {
		if s.Prompt == attention.PromptDense && len(s.Values)+len(s.Mass) > 0 {
			s.Renormalize, s.Rest = false, attention.RestMean
		}
	}},
	{"all values", func(s *attention.Schedule) { s.Values, s.Mass, s.Rest = nil, nil, "" }},
	{"values unquantized", func(s *attention.Schedule) { s.Value = attention.ValueBits{} }},
	{"prompt pruned too", func(s *attention.Schedule) {
		s.Prompt, s.Key.Center, s.Rest = attention.PromptPruned, false, ""
	}},
	{"all tokens", func(s *attention.Schedule) {
		s.Tokens = nil
		if s.Average != nil {
			a := *s.Average
			a.Tokens = 0
			s.Average = &a
		}
	}},
}

// Ablations returns a schedule and what becomes of it where each of its choices alone is undone, named by that.
func Ablations(s *attention.Schedule) []*attention.Schedule {
	out := []*attention.Schedule{s}
	for _, u := range undone {
		c := *s
		u.change(&c)
		if c.Hash() == s.Hash() || c.Validate() != nil {
			continue // chose nothing of the kind
		}
		c.Name = u.name
		out = append(out, &c)
	}
	return out
}
