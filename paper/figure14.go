package paper

import (
	"maps"
	"math"
	"slices"

	"spatten/rival"
)

// Ratio is SpAtten against a platform.
type Ratio struct {
	Speedup      float64 `json:"speedup"`
	EnergySaving float64 `json:"energy_saving"`
}

// Figure14 is speedup and energy saving of every benchmark on every platform.
type Figure14 struct {
	Benchmarks map[string]map[string]Ratio `json:"benchmarks"`
	Geomean    map[string]Ratio            `json:"geomean"`
}

// Fit is a platform's model of one family, and how good it is.
type Fit struct {
	Platform string      `json:"platform"`
	Family   string      `json:"family"`
	Model    rival.Model `json:"model"`
	// LeaveOneOut is the geometric mean factor (≥ 1) by which the time of a fitted benchmark is missed when it is left
	// out of the fit.
	LeaveOneOut float64 `json:"leave_one_out_factor"`
}

// Score is how the half that nothing was fitted on (BERT-large, GPT-2-medium) compares with the published half: ours
// over theirs.
type Score struct {
	Speedup      float64 `json:"speedup_ratio"` // geometric mean
	EnergySaving float64 `json:"energy_saving_ratio"`
	// Doubled is Speedup if all our SpAtten times were twice as long, with the platforms fitted again: near Speedup, the
	// score says nothing of our machine's absolute speed, only of its ratios.
	Doubled float64 `json:"speedup_ratio_if_doubled"`
	// Fixed is the same with the platforms' fits left alone.
	Fixed float64 `json:"speedup_ratio_if_doubled_without_refit"`
	// Exceptions are the predicted benchmarks whose speedup is off by more than a factor of 1.5; EnergyExceptions the same of energy.
	Exceptions       []string `json:"exceptions"`
	EnergyExceptions []string `json:"energy_exceptions"`
}

// platforms is what comparison with the platforms gave.
type platforms struct {
	figure Figure14
	fits   []Fit
	scores map[string]Score
}

// published is Fig. 14's two halves and Fig. 15.
type published struct{ speedup, energy, endToEnd map[string]map[string]float64 }

func readPublished() (p published, err error) {
	if p.speedup, err = Published("speedup"); err != nil {
		return p, err
	}
	if p.energy, err = Published("energy_saving"); err != nil {
		return p, err
	}
	p.endToEnd, err = Published("e2e_speedup")
	return p, err
}

// compare fits the platforms on the fit half and predicts all. A platform's measured time is not published: it is the
// published speedup times our SpAtten time.
func (l *Lab) compare(pub published, all map[string]Run) *platforms {
	runs := make([]Run, len(l.Benchmarks))
	for i, b := range l.Benchmarks {
		runs[i] = all[b.Name]
	}
	out := &platforms{figure: Figure14{map[string]map[string]Ratio{}, map[string]Ratio{}}, scores: map[string]Score{}}
	for _, p := range rival.Platforms {
		fits := map[string]rival.Model{}
		for _, family := range []string{"bert", "gpt2"} {
			s := l.samples(p.Name, family, pub, runs, 1)
			fits[family] = p.Fit(s)
			out.fits = append(out.fits, Fit{p.Name, family, fits[family], leaveOneOut(p, s)})
		}
		ours := l.predict(fits, runs, 1)
		var speed, energy []float64
		for i, b := range l.Benchmarks {
			if out.figure.Benchmarks[b.Name] == nil {
				out.figure.Benchmarks[b.Name] = map[string]Ratio{}
			}
			out.figure.Benchmarks[b.Name][p.Name] = ours[i]
			speed, energy = append(speed, ours[i].Speedup), append(energy, ours[i].EnergySaving)
		}
		out.figure.Geomean[p.Name] = Ratio{geomean(speed), geomean(energy)}
		score := l.score(p.Name, pub, ours)
		again := map[string]rival.Model{}
		for family := range fits {
			again[family] = p.Fit(l.samples(p.Name, family, pub, runs, 2))
		}
		score.Doubled = l.score(p.Name, pub, l.predict(again, runs, 2)).Speedup
		score.Fixed = l.score(p.Name, pub, l.predict(fits, runs, 2)).Speedup
		out.scores[p.Name] = score
	}
	return out
}

func (l *Lab) samples(platform, family string, pub published, runs []Run, slower float64) []rival.Sample {
	var out []rival.Sample
	for i, b := range l.Benchmarks {
		if b.Model.Fit && b.Model.Family == family {
			out = append(out, rival.Sample{Work: b.Work(), Seconds: slower * runs[i].Seconds * pub.speedup[b.Name][platform],
				Joules: runs[i].Joules * pub.energy[b.Name][platform]})
		}
	}
	return out
}

func (l *Lab) predict(fits map[string]rival.Model, runs []Run, slower float64) []Ratio {
	out := make([]Ratio, len(runs))
	for i, b := range l.Benchmarks {
		m := fits[b.Model.Family]
		s := m.Seconds(b.Work())
		out[i] = Ratio{s / (slower * runs[i].Seconds), s * m.Watts / runs[i].Joules}
	}
	return out
}

func (l *Lab) score(platform string, pub published, ours []Ratio) Score {
	var speed, energy []float64
	s := Score{Exceptions: []string{}, EnergyExceptions: []string{}}
	for i, b := range l.Benchmarks {
		if b.Model.Fit {
			continue
		}
		r := ours[i].Speedup / pub.speedup[b.Name][platform]
		e := ours[i].EnergySaving / pub.energy[b.Name][platform]
		speed, energy = append(speed, r), append(energy, e)
		if math.Abs(math.Log(r)) > math.Log(1.5) {
			s.Exceptions = append(s.Exceptions, b.Name)
		}
		if math.Abs(math.Log(e)) > math.Log(1.5) {
			s.EnergyExceptions = append(s.EnergyExceptions, b.Name)
		}
	}
	s.Speedup, s.EnergySaving = geomean(speed), geomean(energy)
	return s
}

func leaveOneOut(p rival.Platform, samples []rival.Sample) float64 {
	var off []float64
	for i, s := range samples {
		m := p.Fit(slices.Concat(samples[:i], samples[i+1:]))
		off = append(off, math.Exp(math.Abs(math.Log(m.Seconds(s.Work)/s.Seconds))))
	}
	return geomean(off)
}

func sorted(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }
