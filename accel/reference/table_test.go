package reference

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"spatten/internal/shared"
)

// referenceRun is one measured run of the reference.
type referenceRun struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Rows    int    `json:"rows"`
	Cycles  int64  `json:"cycles"`
	Reads   int64  `json:"dram_reads"`
	Setting struct {
		Multipliers         int `json:"multipliers"`
		BufferLines         int `json:"buffer_lines"`
		BandwidthDownsample int `json:"bandwidth_downsample"`
		FetchRounding       int `json:"fetch_rounding"`
	} `json:"machine"`
}

func (r *referenceRun) machine() Machine {
	return Machine{Multipliers: r.Setting.Multipliers, BufferLines: r.Setting.BufferLines,
		BandwidthDownsample: r.Setting.BandwidthDownsample, FetchRounding: r.Setting.FetchRounding}
}

func runs(t testing.TB) []referenceRun {
	t.Helper()
	data, err := os.ReadFile(shared.Path(t, "reference", "rtl", "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []referenceRun
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// stampColumns are the columns of a run file and where this package has them.
var stampColumns = []struct {
	name string
	get  func(*Stamps) int64
}{
	{"dispatch", func(s *Stamps) int64 { return s.Dispatch[0] }},
	{"keystage_done", func(s *Stamps) int64 { return s.KeyStageDone[0] }},
	{"keyreq_first", func(s *Stamps) int64 { return s.KeyRequest[0].First }},
	{"keyreq_last", func(s *Stamps) int64 { return s.KeyRequest[0].Last }},
	{"keyresp_first", func(s *Stamps) int64 { return s.KeyResponse[0].First }},
	{"keyresp_last", func(s *Stamps) int64 { return s.KeyResponse[0].Last }},
	{"dot_first", func(s *Stamps) int64 { return s.Dot[0].First }},
	{"dot_last", func(s *Stamps) int64 { return s.Dot[0].Last }},
	{"decide_first", func(s *Stamps) int64 { return s.Decide[0].First }},
	{"decide_last", func(s *Stamps) int64 { return s.Decide[0].Last }},
	{"rq_dispatch", func(s *Stamps) int64 { return s.Dispatch[1] }},
	{"rq_keystage_done", func(s *Stamps) int64 { return s.KeyStageDone[1] }},
	{"rq_keyreq_first", func(s *Stamps) int64 { return s.KeyRequest[1].First }},
	{"rq_keyreq_last", func(s *Stamps) int64 { return s.KeyRequest[1].Last }},
	{"rq_keyresp_first", func(s *Stamps) int64 { return s.KeyResponse[1].First }},
	{"rq_keyresp_last", func(s *Stamps) int64 { return s.KeyResponse[1].Last }},
	{"rq_dot_first", func(s *Stamps) int64 { return s.Dot[1].First }},
	{"rq_dot_last", func(s *Stamps) int64 { return s.Dot[1].Last }},
	{"rq_decide_first", func(s *Stamps) int64 { return s.Decide[1].First }},
	{"rq_decide_last", func(s *Stamps) int64 { return s.Decide[1].Last }},
	{"requantbuf_out_first", func(s *Stamps) int64 { return s.RequantOut.First }},
	{"requantbuf_out_last", func(s *Stamps) int64 { return s.RequantOut.Last }},
	{"topk_in_first", func(s *Stamps) int64 { return s.TopKIn.First }},
	{"topk_in_last", func(s *Stamps) int64 { return s.TopKIn.Last }},
	{"topk_out_first", func(s *Stamps) int64 { return s.TopKOut.First }},
	{"topk_out_last", func(s *Stamps) int64 { return s.TopKOut.Last }},
	{"valbuf_alloc_first", func(s *Stamps) int64 { return s.ValueAlloc.First }},
	{"valbuf_alloc_last", func(s *Stamps) int64 { return s.ValueAlloc.Last }},
	{"valreq_first", func(s *Stamps) int64 { return s.ValueRequest.First }},
	{"valreq_last", func(s *Stamps) int64 { return s.ValueRequest.Last }},
	{"valresp_first", func(s *Stamps) int64 { return s.ValueResponse.First }},
	{"valresp_last", func(s *Stamps) int64 { return s.ValueResponse.Last }},
	{"valread_first", func(s *Stamps) int64 { return s.ValueRead.First }},
	{"valread_last", func(s *Stamps) int64 { return s.ValueRead.Last }},
	{"response", func(s *Stamps) int64 { return s.Response }},
}

// measured is a run file, by column.
type measured struct {
	columns map[string]int
	rows    [][]string
}

func readMeasured(t testing.TB, file string) measured {
	t.Helper()
	f, err := os.Open(shared.Path(t, "reference", "rtl", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	m := measured{map[string]int{}, rows[1:]}
	for i, name := range rows[0] {
		m.columns[name] = i
	}
	return m
}

func (m *measured) at(row int, column string) int64 {
	n, err := strconv.ParseInt(m.rows[row][m.columns[column]], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// simulate runs a file and keeps the stamps of its rows.
func simulate(t testing.TB, file string, m Machine, obs Observer) (Result, []Stamps) {
	t.Helper()
	f, err := os.Open(shared.Path(t, "reference", "rtl", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stamps []Stamps
	obs.Row = func(_ *Row, s *Stamps) { stamps = append(stamps, *s) }
	result, err := Simulate(ReadCSV(f, CSVOptions{}), m, obs)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return result, stamps
}

// percentile is the q-quantile of values, which it sorts.
func percentile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

// TestTable prints, for every measured run, how far this machine is from it. With -v.
func TestTable(t *testing.T) {
	t.Logf("%-44s %9s %9s %8s %9s %8s %8s %8s", "run", "cycles", "measured", "off %", "reads", "median %", "95th %", "reads off")
	for _, r := range runs(t) {
		result, stamps := simulate(t, r.File, r.machine(), Observer{})
		m := readMeasured(t, r.File)
		var errors []float64
		wrong := 0
		for i := range stamps {
			want := m.at(i, "response") - m.at(i, "accept")
			got := stamps[i].Response - stamps[i].Accept
			errors = append(errors, 100*abs(float64(got-want))/float64(want))
			for _, c := range []struct {
				name string
				got  int
			}{{"key_dram_reads", stamps[i].KeyReads}, {"requant_dram_reads", stamps[i].RequantReads}, {"val_dram_reads", stamps[i].ValueReads}} {
				if int64(c.got) != m.at(i, c.name) {
					wrong++
				}
			}
		}
		off := 100 * float64(result.Cycles-r.Cycles) / float64(r.Cycles)
		median, high := percentile(errors, 0.5), percentile(errors, 0.95)
		t.Logf("%-44s %9d %9d %+8.3f %9d %8.3f %8.3f %8d", r.Name, result.Cycles, r.Cycles, off, result.DRAMReads, median, high, wrong)
		if len(stamps) != r.Rows || wrong > 0 || result.DRAMReads != r.Reads {
			t.Errorf("%s: %d rows of %d, %d reads of %d, wrong in %d rows", r.Name, len(stamps), r.Rows, result.DRAMReads, r.Reads, wrong)
		}
		if abs(off) > 1 || median > 1 || high > 5 {
			t.Errorf("%s: cycles off %.3f %%, rows' latency off %.3f %% in the median, %.3f %% at the 95th", r.Name, off, median, high)
		}
	}
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
