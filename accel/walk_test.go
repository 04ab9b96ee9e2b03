package accel

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"text/template"

	"spatten/accel/crossbar"
	"spatten/accel/synthetic"
	"spatten/attention/record"
	"spatten/internal/shared"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// walk are the numbers of the page, read off the units and the item of a simulated query.
type walk struct {
	N, Values, KLines, VLines, KBursts, VBursts int64
	Rounds, Comparisons, RoundCycles            int64
	Q, K, V, W                                  struct{ Granted, Issued, First, Done int64 }
	Accept, LastLine, FirstScore, LastScore     int64
	Sum, DivFirst, DivLast, ProbFirst, ProbLast int64
	DecideFirst, DecideLast                     int64
	Filled, Selected, IDFirst, IDLast           int64
	PVLast, Output, Cycles                      int64
}

// TestWalk regenerates docs/one-query.md from its template and compares, so that its numbers stay the simulator's.
func TestWalk(t *testing.T) {
	m := machine(t, "spatten")
	shape := synthetic.Shape{Name: "one query", Architecture: "gpt2", Layers: 1, Heads: 1, HeadDim: 64, FeedForward: 256}
	records := synthetic.Generation(shape, 199, 1, synthetic.Setting{Bits: record.Bits{Query: 12, KeyMSB: 12, Value: 12}, Values: 0.3})
	d, err := newDRAM(&m)
	if err != nil {
		t.Fatal(err)
	}
	p, stop := newProgram(&m, &queue{}, records, 1)
	defer stop()
	s := newSim(p, crossbar.New(&m, d.channels))
	var w walk
	s.watch = &probe{&w}
	if err := s.simulate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	it := p.queue.pool[0] // the only one, given back
	q := &it.queries[0]
	w.N, w.Values = q.keys, q.values
	w.KLines, w.VLines, w.KBursts, w.VBursts = s.qk.Lines, s.pv.LinesRead, it.kJob.Bursts, it.valJobs[0].Bursts
	w.Rounds, w.Comparisons, w.RoundCycles = q.work.Rounds, q.work.Comparisons, s.values.Cycles(q.work)
	w.Q.Granted, w.Q.Issued, w.Q.First, w.Q.Done = it.qJob.Granted, it.qJob.Issued, it.qJob.Lines.First, it.qJob.Done
	w.K.Granted, w.K.Issued, w.K.First, w.K.Done = it.kJob.Granted, it.kJob.Issued, it.kJob.Lines.First, it.kJob.Done
	v := &it.valJobs[0]
	w.V.Granted, w.V.Issued, w.V.First, w.V.Done = v.Granted, v.Issued, v.Lines.First, v.Done
	w.W.Granted, w.W.Issued, w.W.Done = it.writeJob.Granted, it.writeJob.Issued, it.writeJob.Done
	w.Accept = q.accept
	w.FirstScore, w.LastScore = w.Accept+int64(s.qk.Latency(64)), w.LastLine+int64(s.qk.Latency(64))
	back := int64(m.Softmax.DivideCycles + m.Softmax.QuantizeCycles)
	w.DivFirst, w.DivLast = w.ProbFirst-back, w.ProbLast-back
	w.Sum = w.DivFirst
	w.DecideFirst, w.DecideLast = q.decided.First, q.decided.Last
	w.Filled, w.Selected = s.values.Free()-1-w.RoundCycles, s.values.Free()-1
	w.IDFirst, w.IDLast = q.ids.First, q.ids.Last
	w.PVLast, w.Output, w.Cycles = q.output-int64(s.pv.Latency(64)), q.output, s.cycle

	root := shared.Root(t)
	page, err := template.ParseFiles(filepath.Join("testdata", "one-query.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := page.Execute(&got, &w); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "one-query.md")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("docs/one-query.md is not what the simulator says; look at the difference, then run go test ./accel -run TestWalk -update\n%s", fmt.Sprint(w))
	}
}

// probe notes the spans that only the units know.
type probe struct{ *walk }

func (p *probe) Slice(track Track, first, last int64, _ string) {
	switch track {
	case TrackQK:
		p.LastLine = last
	case TrackDivide:
		p.ProbFirst, p.ProbLast = first, last
	}
}
func (p *probe) Count(string, int64, int64) {}
