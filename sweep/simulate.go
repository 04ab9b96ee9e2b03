package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"spatten/accel"
	"spatten/accel/area"
	"spatten/accel/config"
	"spatten/accel/reference"
	"spatten/attention"
	"spatten/paper"
	"spatten/trace"
)

// Simulated is what a machine did with a workload.
type Simulated struct {
	Cycles     int64   `json:"cycles"`
	Seconds    float64 `json:"seconds"`
	EnergyJ    float64 `json:"energy_j"`
	AreaMM2    float64 `json:"area_mm2"` // 0 of the measured RTL, for which there is no model
	DRAMBytes  int64   `json:"dram_bytes"`
	KVBytes    int64   `json:"kv_bytes"`
	Operations int64   `json:"operations"`
	TFLOPS     float64 `json:"tflops"`
	Watt       float64 `json:"watt"`
}

// Words that stand in place of a schedule.
const (
	asRecorded  = "recorded"  // a file as it is
	asDense     = "dense"     // nothing pruned, 12 bits
	asPublished = "published" // the averages of the paper, by one rule for all benchmarks
)

// denseBits is the machine's own width.
const denseBits = 12

var simulateKind = &kind{
	axes:    []string{"workload", "schedule", "machine", "set", "seed"},
	keys:    []string{"workloads", "schedules", "machines", "sets", "seeds"},
	values:  reflect.TypeFor[Simulated](),
	front:   &Front{By: []string{"workload"}, Minimize: []string{"cycles", "energy_j", "area_mm2"}},
	expand:  expandSimulate,
	compute: computeSimulate,
}

// expandSimulate gives all combinations, the last axis fastest.
func expandSimulate(g *Grid, p *Plan, add func([]string, Job) error) error {
	type machine struct{ name, set, file string }
	var machines []machine
	sets, seeds := g.Sets, g.Seeds
	if len(sets) == 0 {
		sets = [][]string{nil}
	}
	if len(seeds) == 0 {
		seeds = []uint64{0}
	}
	for _, name := range g.Machines {
		for _, set := range sets {
			text, err := machineJSON(name, set)
			if err != nil {
				return err
			}
			machines = append(machines, machine{strings.TrimSuffix(filepath.Base(name), ".yaml"), strings.Join(set, " "), p.add(text)})
		}
	}
	for i := range g.Workloads {
		w, err := g.Workloads[i].resolve(p)
		if err != nil {
			return fmt.Errorf("workload %d: %w", i+1, err)
		}
		schedules := g.Schedules
		if g.Workloads[i].Schedules != nil {
			schedules = g.Workloads[i].Schedules
		}
		for _, s := range schedules {
			file, err := scheduleOf(w, s, p)
			if err != nil {
				return fmt.Errorf("workload %s, schedule %s: %w", g.Workloads[i].label(), s.label(), err)
			}
			for _, m := range machines {
				for _, seed := range seeds {
					job := Job{Workload: w, Machine: m.file, Schedule: file, Seed: seed}
					if err := add([]string{g.Workloads[i].label(), s.label(), m.name, m.set, strconv.FormatUint(seed, 10)}, job); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// machineJSON resolves a machine and its overrides.
func machineJSON(name string, sets []string) ([]byte, error) {
	kind, err := config.Kind(name)
	if err != nil {
		return nil, err
	}
	if kind == reference.ConfigKind {
		m, err := reference.Load(name, sets)
		if err != nil {
			return nil, err
		}
		return json.Marshal(struct{ Reference reference.Config }{m})
	}
	m, err := config.Load(name, sets)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct{ Machine config.Machine }{m})
}

func (s GridSchedule) label() string {
	return strings.TrimSuffix(filepath.Base(s.Name), ".yaml")
}

func (w *GridWorkload) label() string {
	switch {
	case w.Name != "":
		return w.Name
	case w.File != "":
		return filepath.Base(w.File)
	case w.Benchmark != "":
		return w.Benchmark
	}
	return fmt.Sprintf("%s-%d", w.Model, w.Tokens)
}

// resolve turns a line of the grid into what a job says of its workload.
func (w *GridWorkload) resolve(p *Plan) (*Workload, error) {
	switch {
	case (w.File != "") == (w.Benchmark != "" || w.Model != "") || w.Benchmark != "" && w.Model != "":
		return nil, errors.New("write one of file, benchmark and model")
	case w.Benchmark != "" && w.Tokens+w.Generated != 0, w.File != "" && w.Tokens+w.Generated+w.Steps != 0:
		return nil, errors.New("tokens and generated are of a workload with a model, steps of one that is not a file")
	case w.Tokens < 0 || w.Generated < 0 || w.Steps < 0 || w.Tokens+w.Generated > 1<<20:
		return nil, fmt.Errorf("tokens, generated and steps are at least 0, and at most %d", 1<<20)
	}
	if w.File != "" {
		h, err := p.addFile(w.File)
		if err != nil {
			return nil, err
		}
		out := &Workload{File: h, Format: "trace"}
		if strings.EqualFold(filepath.Ext(w.File), ".csv") {
			out.Format = "csv"
		}
		return out, nil
	}
	benchmarks, _, err := paper.Benchmarks()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, b := range benchmarks {
		out := &Workload{Model: b.Model.Name, Tokens: b.Tokens, Generated: b.Generated, Steps: w.Steps}
		if w.Model != "" {
			out.Tokens, out.Generated = w.Tokens, w.Generated
		}
		if w.Benchmark == b.Name || w.Model == b.Model.Name {
			return out, out.middle(b.Model.Family == "gpt2")
		}
		name := b.Name
		if w.Model != "" {
			name = b.Model.Name
		}
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	return nil, fmt.Errorf("%q is not known: write one of %s", w.Benchmark+w.Model, strings.Join(known, ", "))
}

// middle checks the numbers and places the simulated steps in the middle of the generated ones.
func (w *Workload) middle(generates bool) error {
	switch {
	case w.Tokens < 1:
		return errors.New("tokens: at least 1")
	case generates && w.Generated < 1:
		return errors.New("generated: at least 1, as GPT-2's prompt is there already")
	case !generates && (w.Generated > 0 || w.Steps > 0):
		return errors.New("an encoder generates nothing, and has no steps")
	}
	if w.Steps == 0 || w.Steps > w.Generated {
		w.Steps = w.Generated
	}
	w.First = (w.Generated - w.Steps) / 2
	return nil
}

// scheduleOf checks that a workload can be had under a schedule, and returns the word or the file.
func scheduleOf(w *Workload, s GridSchedule, p *Plan) (string, error) {
	word := s.schedule == nil && (s.Name == asRecorded || s.Name == asDense || s.Name == asPublished)
	switch {
	case w.File != "" && !(word && s.Name != asPublished):
		return "", errors.New("a file was recorded under a schedule of its own; write recorded or dense")
	case w.File == "" && word && s.Name == asRecorded:
		return "", errors.New("only files are recorded")
	case word:
		return s.Name, nil
	}
	schedule := s.schedule
	if schedule == nil {
		var err error
		if schedule, err = attention.LoadSchedule(s.Name); err != nil {
			return "", err
		}
	}
	b, _, err := w.benchmark()
	if err != nil {
		return "", err
	}
	if _, err := followed(schedule, b.Model.Layers); err != nil {
		return "", err
	}
	return p.add([]byte(schedule.YAML())), nil
}

// benchmark is the shape that a workload is made for.
func (w *Workload) benchmark() (*paper.Benchmark, *paper.Rule, error) {
	benchmarks, rule, err := paper.Benchmarks()
	if err != nil {
		return nil, nil, err
	}
	for _, b := range benchmarks {
		if b.Model.Name == w.Model {
			return &paper.Benchmark{Name: w.Model, Model: b.Model, Tokens: w.Tokens, Generated: w.Generated}, rule, nil
		}
	}
	return nil, nil, failed{fmt.Errorf("no model %q", w.Model)}
}

func computeSimulate(ctx context.Context, j *Job, files Files) (any, error) {
	text, err := read(ctx, files, j.Machine)
	if err != nil {
		return nil, err
	}
	var m struct {
		Machine   *config.Machine
		Reference *reference.Config
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, failed{fmt.Errorf("machine: %w", err)}
	}
	if m.Reference != nil {
		return simulateReference(ctx, j, m.Reference, files)
	}
	records, err := j.records(ctx, files)
	if err != nil {
		return nil, err
	}
	r, err := accel.Simulate(ctx, records, *m.Machine, accel.Options{Seed: j.Seed})
	if err != nil {
		return nil, failed{err}
	}
	out := Simulated{Cycles: r.Cycles, Seconds: r.Seconds, AreaMM2: area.Of(m.Machine).Total(), DRAMBytes: r.DRAMBytes, KVBytes: r.KVBytes,
		Operations: r.Operations, TFLOPS: r.Roof.TFLOPS}
	for _, unit := range slices.Sorted(maps.Keys(r.EnergyJ)) {
		out.EnergyJ += r.EnergyJ[unit]
	}
	if out.Seconds > 0 {
		out.Watt = out.EnergyJ / out.Seconds
	}
	return out, nil
}

// records gives the records that a job simulates.
func (j *Job) records(ctx context.Context, files Files) (iter.Seq2[trace.Record, error], error) {
	w := j.Workload
	if w.File != "" {
		records, err := w.recorded(ctx, files)
		if err == nil && j.Schedule == asDense {
			records = accel.Dense(records, denseBits)
		}
		return records, err
	}
	b, rule, err := w.benchmark()
	if err != nil {
		return nil, err
	}
	switch j.Schedule {
	case asDense:
		return b.Trace(rule, paper.Switches{Static: true}, w.First, w.Steps), nil
	case asPublished:
		return b.Trace(rule, paper.All, w.First, w.Steps), nil
	}
	text, err := read(ctx, files, j.Schedule)
	if err != nil {
		return nil, err
	}
	s, err := attention.ParseSchedule(bytes.NewReader(text))
	if err == nil {
		s, err = followed(s, b.Model.Layers)
	}
	if err != nil {
		return nil, failed{err}
	}
	return follow(b, s, rule.LSBShare[b.Model.Family], w.First, w.Steps), nil
}

// recorded opens a file of records.
func (w *Workload) recorded(ctx context.Context, files Files) (iter.Seq2[trace.Record, error], error) {
	path, err := files.Path(ctx, w.File)
	if err != nil {
		return nil, err
	}
	if w.Format != "csv" {
		r, err := trace.Open(path)
		if err != nil {
			return nil, failed{errors.New("the trace cannot be opened; see 'spatten trace summary'")}
		}
		return func(yield func(trace.Record, error) bool) {
			defer r.Close()
			r.Records()(yield)
		}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return func(yield func(trace.Record, error) bool) {
		defer f.Close()
		trace.WorkloadRecords(f, "workload")(yield)
	}, nil
}

// simulateReference simulates a workload on the machine of the measured RTL.
func simulateReference(ctx context.Context, j *Job, c *reference.Config, files Files) (any, error) {
	if j.Workload.Format != "csv" || j.Schedule != asRecorded {
		return nil, failed{fmt.Errorf("the machine %s reads recorded workloads as CSV", c.Name)}
	}
	path, err := files.Path(ctx, j.Workload.File)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := reference.Simulate(reference.ReadCSV(f, reference.CSVOptions{Comparators: c.Comparators, Seed: j.Seed}), c.Machine(), reference.Observer{})
	if err != nil {
		return nil, failed{err}
	}
	out := Simulated{Cycles: r.Cycles, Seconds: float64(r.Cycles) / (c.ClockGHz * 1e9), DRAMBytes: r.DRAMBytes, EnergyJ: c.Joules(&r)}
	if out.Seconds > 0 {
		out.Watt = out.EnergyJ / out.Seconds
	}
	return out, nil
}
