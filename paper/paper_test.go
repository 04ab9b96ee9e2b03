package paper

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"

	"spatten/attention/record"
	"spatten/rival"
	"spatten/trace"
)

var update = flag.Bool("update", false, "write the golden report anew")

func TestBenchmarksAreThePublishedOnes(t *testing.T) {
	bs, _, err := Benchmarks()
	if err != nil {
		t.Fatal(err)
	}
	if len(bs) != 30 {
		t.Fatalf("%d benchmarks, the paper has 30", len(bs))
	}
	pub, err := readPublished()
	if err != nil {
		t.Fatal(err)
	}
	for what, table := range map[string]map[string]map[string]float64{"speedup": pub.speedup, "energy saving": pub.energy} {
		for _, p := range Platforms {
			var all []float64
			for _, b := range bs {
				v, ok := table[b.Name][p]
				if !ok {
					t.Fatalf("%s: no %s of %s on %s", what, what, b.Name, p)
				}
				all = append(all, v)
			}
			if got, want := geomean(all), table[geomeanRow][p]; math.Abs(got/want-1) > 1e-3 {
				t.Errorf("%s on %s: geometric mean %g, published %g", what, p, got, want)
			}
		}
	}
}

// The published figures that close by arithmetic.
func TestClosures(t *testing.T) {
	pub, err := readPublished()
	if err != nil {
		t.Fatal(err)
	}
	bs, rule, err := Benchmarks()
	if err != nil {
		t.Fatal(err)
	}
	var medium []float64
	for _, name := range []string{"wikitext2", "wikitext103", "ptb", "1bw"} {
		medium = append(medium, 366.72/pub.speedup["gpt2-medium-"+name]["titan_xp_gpu"])
	}
	wikitext2 := pub.speedup["gpt2-medium-wikitext2"]
	bits := rule.Bits["gpt2"]
	rows := 0.0
	for _, b := range bs {
		rows += rule.RowsReduction[b.Model.Family] / float64(len(bs))
	}
	for _, c := range []struct {
		what      string
		got, want float64
		within    float64
	}{
		{"GPT-2-medium on SpAtten, ms, geometric mean (TITAN Xp's time over the speedups)", geomean(medium), 1.95, 0.01},
		{"the same from the Xeon's 1473.07 ms", 1473.07 / wikitext2["xeon_cpu"], medium[0], 0.001},
		{"the same from the Jetson Nano's 5639.06 ms", 5639.06 / wikitext2["jetson_nano_gpu"], medium[0], 0.001},
		{"tokens × heads = computation", 1.9 * 1.1, 2.1, 0.01},
		{"fp32 over progressive bits", 32 / (float64(bits.KeyMSB) + rule.LSBShare["gpt2"]*float64(bits.KeyLSB)), 5.1, 0.01},
		{"mean reduction of rows in the rule", rows, 1.9, 0.01},
		{"A3: 128 multipliers × 1.73", 128 * 1.73, 221, 0.01},
		{"Fig. 20's factors", 22.1 * 1.1 * 1.1 * 3.0 * 1.6 * 1.7, 209, 0.05},
	} {
		if math.Abs(c.got/c.want-1) > c.within {
			t.Errorf("%s: %g, published %g", c.what, c.got, c.want)
		}
	}
}

// A trace keeps the shares that the rule asks for, and each layer's tokens are among those of the layer before.
func TestTraceKeepsTheRule(t *testing.T) {
	bs, rule, err := Benchmarks()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []Benchmark{bs[0], bs[29]} {
		n := b.Tokens
		if b.Generated > 0 {
			n++
		}
		var rows, heads, layers float64
		before := map[int32]bool{}
		for rec, err := range b.Trace(rule, All, 0, 1) {
			if err != nil {
				t.Fatal(err)
			}
			l, ok := rec.(*record.Layer)
			if !ok {
				continue
			}
			now := map[int32]bool{}
			for _, k := range l.Keys {
				if len(before) > 0 && !before[k] {
					t.Fatalf("%s, layer %d: token %d is back", b.Name, l.Index, k)
				}
				now[k] = true
			}
			before = now
			layers, heads = layers+1, heads+float64(len(l.Heads))
			rows += float64(len(l.Keys)) * (1 + rule.ValuesOfKeys[b.Model.Family]) / 2
		}
		if got, want := layers*float64(n)/rows, rule.RowsReduction[b.Model.Family]; math.Abs(got/want-1) > 0.01 {
			t.Errorf("%s: rows fall %.3f times, want %g", b.Name, got, want)
		}
		if got := layers * float64(b.Model.Heads) / heads; math.Abs(got/rule.HeadsReduction-1) > 0.03 {
			t.Errorf("%s: heads fall %.3f times, want %g", b.Name, got, rule.HeadsReduction)
		}
		if _, err := trace.Summarize(b.Trace(rule, All, 0, 1)); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
}

// The report in its short form: its golden file, the bars where they are met, and its JSON names.
func TestReport(t *testing.T) {
	r, err := Reproduce(t.Context(), Options{Steps: 1, Short: true})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := r.Text(&got); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.golden"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the report changed; if it should, run with -update and read the difference:\n%s", got.String())
	}
	for _, p := range Platforms {
		s := r.Scores[p]
		if math.Abs(s.Speedup-1) > 0.25 || math.Abs(s.EnergySaving-1) > 0.25 {
			t.Errorf("%s: predicted over published %+v, more than 25 %% off", p, s)
		}
	}
	if r.Table4.FCSeconds < 25.75e-3*0.9 || r.Table4.FCSeconds > 25.75e-3*1.1 {
		t.Errorf("FC takes %g s, Table IV has 25.75 ms", r.Table4.FCSeconds)
	}
	for _, f := range r.Fits {
		for _, p := range rival.Platforms {
			if p.Name == f.Platform && (f.Model.FLOPS > p.PeakFLOPS || f.Model.BytesPerS > p.PeakBytes || f.Model.Watts > p.PeakWatts) {
				t.Errorf("%s: %+v is above the data sheet", p.Name, f.Model)
			}
		}
	}
	var html bytes.Buffer
	if err := r.HTML(&html); err != nil {
		t.Fatal(err)
	}
	sections, err := r.Sections()
	if err != nil {
		t.Fatal(err)
	}
	plots := 0
	for _, s := range sections {
		plots += len(s.Plots)
	}
	if n := bytes.Count(html.Bytes(), []byte("<svg")); n != plots || bytes.Contains(html.Bytes(), []byte("<script")) || bytes.Contains(html.Bytes(), []byte("NaN")) {
		t.Errorf("the page has %d drawings, want %d, no script and no NaN", n, plots)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Figure14 struct {
			Benchmarks map[string]map[string]map[string]float64
			Geomean    map[string]map[string]float64
		}
		Table3   map[string]map[string]float64
		Averages struct {
			DRAM    float64            `json:"dram_reduction"`
			Compute float64            `json:"compute_reduction"`
			Rows    map[string]float64 `json:"token_and_value_reduction"`
		}
	}
	if err := json.Unmarshal(b, &form); err != nil {
		t.Fatal(err)
	}
	if form.Figure14.Benchmarks["bert-base-cola"]["xeon_cpu"]["energy_saving"] <= 0 || form.Figure14.Geomean["titan_xp_gpu"]["speedup"] <= 0 ||
		form.Table3["spatten_eighth"]["gop_per_j"] <= 0 || form.Averages.DRAM <= 0 || form.Averages.Compute <= 0 || form.Averages.Rows["gpt2"] <= 0 {
		t.Errorf("a name is missing in %s", b)
	}
}
