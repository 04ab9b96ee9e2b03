package tune

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spatten/attention"
)

// toy is a judge whose layers differ in how much they mind a rung.
type toy struct {
	calls int
	stop  int // fail at this call; 0 for never
}

var errKilled = errors.New("killed")

func (j *toy) Score(_ context.Context, s *attention.Schedule, hopeless func(int, float64) bool) (Score, error) {
	j.calls++
	if j.calls == j.stop {
		return Score{}, errKilled
	}
	d := Score{Dense: 512 * 1000 * 6}
	for l := range 6 {
		minds := float64(1+l%3*4) * 1e-4
		d.KL += minds * (math.Pow(4, float64(4-s.Key.MSB.At(l))) + 0.05/s.Values.At(l))
		bits := 64 * (float64(s.Key.MSB.At(l)) + float64(s.Value.Bits.At(l))*s.Values.At(l))
		if s.Key.LSB.At(l) > 0 {
			bits += 64 * s.Key.Share.At(l) * float64(s.Key.LSB.At(l))
		}
		d.Cost += int64(bits / 8 * 1000)
	}
	d.Loss, d.Expected, d.Worst, d.WorstKL = d.KL, d.KL, d.KL, d.KL
	for step := 8; step <= 64; step += 8 {
		if hopeless(step, d.KL) {
			break
		}
	}
	return d, nil
}

var toyOptions = Options{Space: Rungs{Layers: 6, Ladder: Ladder()}, Goal: Goal{Within: 0.01}, Mutation: 40, Seed: 3}

// TestSearchBeatsUniform: layers that mind little are read less than those that mind much.
func TestSearchBeatsUniform(t *testing.T) {
	points, err := Run(context.Background(), &toy{}, nil, toyOptions)
	if err != nil {
		t.Fatal(err)
	}
	best := toyOptions.Goal.Choose(Front(points))
	uniform := toyOptions.Goal.Choose(Front(points[:len(Ladder())]))
	if best == nil || uniform == nil || best.Ratio() < 1.05*uniform.Ratio() {
		t.Errorf("found %+v, uniform %+v", best, uniform)
	}
	if best.Levels[0] < best.Levels[2] {
		t.Errorf("the layer that minds most is read least: %v", best.Levels)
	}
}

// TestTogether: layers of a block stay together, fewer schedules are measured, and what pays is still found.
func TestTogether(t *testing.T) {
	o, alone := toyOptions, &toy{}
	if _, err := Run(context.Background(), alone, nil, o); err != nil {
		t.Fatal(err)
	}
	space := Rungs{Layers: 6, Ladder: Ladder(), Together: 4}
	o.Space = space
	judge := &toy{}
	points, err := Run(context.Background(), judge, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if v := space.Schedule("", p.Levels).Values; v[0] != v[1] || v[1] != v[2] || v[2] != v[3] || v[4] != v[5] {
			t.Errorf("%v", v)
		}
	}
	if judge.calls >= alone.calls {
		t.Errorf("%d schedules measured, one by one %d", judge.calls, alone.calls)
	}
}

// TestKilledSearchResumes: a search killed at any point, its log cut anywhere in the last line, ends with the same points
// and measures none of them twice.
func TestKilledSearchResumes(t *testing.T) {
	whole := &toy{}
	want, err := Run(context.Background(), whole, nil, toyOptions)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		file := filepath.Join(t.TempDir(), "state")
		killed := &toy{stop: rapid.IntRange(1, whole.calls).Draw(rt, "killed at")}
		state, err := OpenState(file, "toy")
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := Run(context.Background(), killed, state, toyOptions); !errors.Is(err, errKilled) {
			rt.Fatalf("%v", err)
		}
		state.Close()
		log, err := os.ReadFile(file)
		if err != nil {
			rt.Fatal(err)
		}
		last := len(log) - bytes.LastIndexByte(bytes.TrimSuffix(log, []byte("\n")), '\n') - 1
		cut := rapid.IntRange(0, last).Draw(rt, "bytes lost")
		if err := os.WriteFile(file, log[:len(log)-cut], 0o644); err != nil {
			rt.Fatal(err)
		}
		if state, err = OpenState(file, "toy"); err != nil {
			rt.Fatal(err)
		}
		defer state.Close()
		again := &toy{}
		got, err := Run(context.Background(), again, state, toyOptions)
		if err != nil || !reflect.DeepEqual(got, want) {
			rt.Fatalf("%d points of %d, or others: %v", len(got), len(want), err)
		}
		if again.calls > whole.calls-killed.stop+2 {
			rt.Fatalf("%d measured after %d of %d", again.calls, killed.stop-1, whole.calls)
		}
	})
}

func TestStateErrors(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"{\"search\":\"other\"}\n", "another model"},
		{"hello\n", "no log of a search"},
		{"{\"search\":\"toy\"}\n{\"levels\":[1],\"speed\":3}\n", "line 2"},
	} {
		file := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(file, []byte(c.log), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenState(file, "toy"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.log, err, c.want)
		}
		if left, _ := os.ReadFile(file); string(left) != c.log {
			t.Errorf("%q has become %q", c.log, left)
		}
	}
	if _, err := Run(context.Background(), &toy{}, nil, Options{Space: Rungs{}}); err == nil {
		t.Error("no layers")
	}
}

// TestFront: no point of a front is beaten, and every other one is.
func TestFront(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var points []Point
		for range rapid.IntRange(0, 20).Draw(rt, "points") {
			points = append(points, Point{Score: Score{KL: float64(rapid.IntRange(0, 9).Draw(rt, "kl")), Cost: int64(rapid.IntRange(1, 9).Draw(rt, "cost"))}})
		}
		front := Front(points)
		for _, p := range points {
			beaten, in := false, false
			for _, f := range front {
				beaten = beaten || f.KL <= p.KL && f.Cost <= p.Cost && (f.KL < p.KL || f.Cost < p.Cost)
				in = in || f.KL == p.KL && f.Cost == p.Cost
			}
			if beaten == in {
				rt.Fatalf("%+v: beaten %v, in the front %v", p, beaten, in)
			}
		}
	})
}

// TestLadderIsValid: every rung, and mixtures of them, make schedules.
func TestLadderIsValid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		levels := rapid.SliceOfN(rapid.IntRange(0, len(Ladder())-1), 2, 30).Draw(rt, "levels")
		s := Rungs{Layers: len(levels), Ladder: Ladder()}.Schedule("some", levels)
		again, err := attention.ParseSchedule(strings.NewReader(s.YAML()))
		if err != nil || again.Hash() != s.Hash() {
			rt.Fatalf("%v:\n%s", err, s)
		}
		if _, err := s.For(len(levels)); err != nil {
			rt.Fatal(err)
		}
	})
}

// FuzzState: no log crashes, and one that was read is read again.
func FuzzState(f *testing.F) {
	f.Add("{\"search\":\"toy\"}\n{\"levels\":[1,2],\"kl\":0.1,\"loss\":0,\"worst\":0,\"cost\":3,\"dense_cost\":9}\n{\"lev")
	f.Add("")
	f.Fuzz(func(t *testing.T, log string) {
		file := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(file, []byte(log), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := OpenState(file, "toy")
		if err != nil {
			return
		}
		s.Close()
		again, err := OpenState(file, "toy")
		if err != nil || !reflect.DeepEqual(again.known, s.known) {
			t.Errorf("%v", err)
		}
		again.Close()
	})
}
