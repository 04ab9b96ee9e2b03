package beyond

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"spatten/accel"
	"spatten/accel/area"
	"spatten/accel/config"
)

// Point is one machine on one work.
type Point struct {
	Name    string   `json:"name"`
	Sets    []string `json:"sets"` // what differs from the machine spatten
	Work    Work     `json:"work"`
	Seconds float64  `json:"seconds"` // a generated token's attention, all layers
	Joules  float64  `json:"joules"`
	Bytes   float64  `json:"dram_bytes"`
	Area    float64  `json:"area_mm2"`
	Bound   string   `json:"busiest"` // the unit that works the largest share of the time
	Busy    float64  `json:"busiest_share"`
	Best    bool     `json:"on_front,omitempty"` // no other machine is at least as good in time, energy and area
}

// run simulates points on all processors.
func run(ctx context.Context, points []*Point) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range points {
		group.Go(func() error { return p.simulate(ctx) })
	}
	return group.Wait()
}

func (p *Point) simulate(ctx context.Context) error {
	m, err := config.Load("spatten", p.Sets)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	r, err := accel.Simulate(ctx, p.Work.Trace(), m, accel.Options{})
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	const times = layers / simulated
	p.Seconds, p.Bytes, p.Area = r.Seconds*times, float64(r.DRAMBytes)*times, area.Of(&m).Total()
	p.Joules = joules(r.EnergyJ) * times
	for _, u := range r.Units {
		if u.Utilization > p.Busy {
			p.Bound, p.Busy = u.Unit, u.Utilization
		}
	}
	return nil
}

// same is the factor within which two numbers count as equal.
const same = 1.01

// mark finds the points that no other beats: at least as good in time, energy and area, and better in one of them.
func mark(points []Point) {
	for i := range points {
		points[i].Best = !slices.ContainsFunc(points, func(a Point) bool { return a.beats(&points[i]) })
	}
}

func (p *Point) beats(q *Point) bool {
	better := false
	for _, x := range [][2]float64{{p.Seconds, q.Seconds}, {p.Joules, q.Joules}, {p.Area, q.Area}} {
		if x[0] > same*x[1] {
			return false
		}
		better = better || same*x[0] < x[1]
	}
	return better
}

// joules adds in a fixed order, so that the last digit is the same in every run.
func joules(parts map[string]float64) float64 {
	sum := 0.0
	for _, unit := range slices.Sorted(maps.Keys(parts)) {
		sum += parts[unit]
	}
	return sum
}
