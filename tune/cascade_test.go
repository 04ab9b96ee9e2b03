package tune

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spatten/attention"
)

// everything varies all that can be.
var everything = Vary{Tokens: true, Heads: true, Values: true, Bits: true, Policy: true}

// TestCascadeIsValid: any setting of the dials makes a schedule whose shares fall, and that its text gives again.
func TestCascadeIsValid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := Cascade{Layers: rapid.IntRange(2, 12).Draw(rt, "layers"), Heads: rapid.IntRange(2, 40).Draw(rt, "heads"), Vary: Vary{
			Tokens: true, Heads: rapid.Bool().Draw(rt, "vary heads"), Values: rapid.Bool().Draw(rt, "vary values"), Bits: rapid.Bool().Draw(rt, "vary bits"), Policy: rapid.Bool().Draw(rt, "vary policy"),
		}}
		var levels []int
		for _, d := range c.Dials() {
			levels = append(levels, rapid.IntRange(0, d.Settings-1).Draw(rt, d.Name))
		}
		s := c.Schedule("some", levels)
		again, err := attention.ParseSchedule(strings.NewReader(s.YAML()))
		if err != nil || again.Hash() != s.Hash() {
			rt.Fatalf("%v:\n%s", err, s)
		}
		if _, err := s.For(c.Layers); err != nil {
			rt.Fatal(err)
		}
		for _, start := range c.Starts() {
			for i, d := range c.Dials() {
				if len(start.Levels) != len(c.Dials()) || start.Levels[i] < 0 || start.Levels[i] >= d.Settings {
					rt.Fatalf("%s: %v of %v", start.Name, start.Levels, c.Dials())
				}
			}
		}
	})
}

// TestShippedSchedulesAreInTheSpace: those that were found by hand for the embedded models can be found.
func TestShippedSchedulesAreInTheSpace(t *testing.T) {
	story := Cascade{Layers: 7, Heads: 4, Vary: Vary{Tokens: true, Values: true, Bits: true, Policy: true}}
	s := story.Schedule("story", []int{3, 2, 2, 2, 1, 1, 4, 3, 3, 3})
	if !slices.Equal(s.Tokens, attention.Shares{1, 0.85, 0.75, 0.65, 0.55, 0.5, 0.45}) || s.Values.At(0) != 0.4 ||
		s.Key.MSB.At(0) != 6 || s.Value.Bits.At(0) != 6 || s.Importance.Policy != "window" || s.Importance.Window != 64 {
		t.Errorf("%s", s)
	}
	sentiment := Cascade{Layers: 6, Heads: 12, Vary: Vary{Tokens: true, Heads: true}}
	s = sentiment.Schedule("sentiment", []int{2, 7, 5, 3, 4, 0, 1, 1, 0, 1})
	if !slices.Equal(s.Tokens, attention.Shares{1, 0.9, 0.55, 0.3, 0.2, 0.12}) || !slices.Equal(s.Heads, attention.Shares{1, 1, 0.92, 0.84, 0.84, 0.75}) {
		t.Errorf("%s", s)
	}
}

// TestFree: what is varied is gone from a base, and what is not is left.
func TestFree(t *testing.T) {
	s, err := attention.ParseSchedule(strings.NewReader("name: x\nprompt: dense\nvalues: 0.3\nrest: mean\naverage: {tokens: 0.5, heads: 0.8}\nkey: {msb: 4, center: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	base := Vary{Tokens: true}.Free(*s)
	if base.Average.Tokens != 0 || base.Average.Heads != 0.8 || base.Values.At(0) != 0.3 || base.Prompt == attention.PromptDense {
		t.Errorf("%s", &base)
	}
	if err := base.Validate(); err != nil {
		t.Error(err)
	}
	if s.Average.Tokens != 0.5 {
		t.Error("the base has changed what it came from")
	}
	if base = everything.Free(*s); base.Average != nil || len(base.Values) > 0 {
		t.Errorf("%s", &base)
	}
}

// cascadeToy is a judge whose layers differ in how much they mind that tokens are gone.
type cascadeToy struct{}

func (cascadeToy) Score(_ context.Context, s *attention.Schedule, _ func(int, float64) bool) (Score, error) {
	d := Score{Dense: 6000}
	for l := range 6 {
		gone := 1 - s.Tokens.At(l)
		d.KL += gone * gone * []float64{0, 1, 0.02, 0.02, 0.5, 0.01}[l] * 0.02
		d.KL += (1 - s.Heads.At(l)) * 0.004
		d.Cost += int64(1000 * s.Tokens.At(l) * (0.5 + s.Heads.At(l)/2))
	}
	d.Loss, d.Expected = d.KL, d.KL
	return d, nil
}

// TestCascadeSearch: what is found is cheaper than any of the paper's lines, and nothing that was measured beats the front.
func TestCascadeSearch(t *testing.T) {
	o := Options{Space: Cascade{Layers: 6, Heads: 12, Vary: Vary{Tokens: true, Heads: true}}, Goal: Goal{Within: 0.005}, Mutation: 60, Seed: 1}
	points, err := Run(context.Background(), cascadeToy{}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	best, line := o.Goal.Choose(Front(points)), o.Goal.Choose(Front(points[:len(o.Space.Starts())]))
	if best == nil || line == nil || best.Ratio() < 1.1*line.Ratio() {
		t.Errorf("found %+v, of the lines %+v", best, line)
	}
	for _, f := range Front(points) {
		for _, p := range points {
			if p.KL <= f.KL && p.Cost < f.Cost || p.KL < f.KL && p.Cost <= f.Cost {
				t.Errorf("%+v is beaten by %+v", f, p)
			}
		}
	}
}

func TestParseVary(t *testing.T) {
	if v, err := ParseVary([]string{"tokens", "bits"}); err != nil || v != (Vary{Tokens: true, Bits: true}) {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := ParseVary([]string{"layers"}); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("%v", err)
	}
}

// TestRounds: a further round begins where the one before has ended, and finds no less.
func TestRounds(t *testing.T) {
	o := Options{Space: Cascade{Layers: 6, Heads: 12, Vary: Vary{Tokens: true, Heads: true}}, Goal: Goal{Within: 0.005}}
	once, err := Run(context.Background(), cascadeToy{}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Rounds = 2
	twice, err := Run(context.Background(), cascadeToy{}, nil, o)
	if err != nil || len(twice) <= len(once) {
		t.Fatalf("%d points, then %d: %v", len(once), len(twice), err)
	}
	for i := range once {
		if !slices.Equal(once[i].Levels, twice[i].Levels) {
			t.Fatalf("point %d is another one", i)
		}
	}
	if a, b := o.Goal.Choose(Front(once)), o.Goal.Choose(Front(twice)); b.Ratio() <= a.Ratio() {
		t.Errorf("one round %.3f times less, two %.3f", a.Ratio(), b.Ratio())
	}
}
