package sweep

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"spatten/internal/shared"
)

// smallGrid has 12 points of which two pairs are the same job.
const smallGrid = `
name: small
kind: simulate
workloads:
  - {model: bert-base, tokens: 6}
  - {name: again, model: bert-base, tokens: 6, schedules: [dense]}
  - {model: gpt2-small, tokens: 40, generated: 4, steps: 1, schedules: [published, {name: half, average: {tokens: 0.5}, key: {msb: 6, lsb: 4, threshold: 0.1}}]}
schedules: [dense, paper-default]
machines: [spatten, spatten-eighth]
sets: [[], [topk.comparators=4]]
`

// planOf turns the text of a grid into a plan.
func planOf(t testing.TB, text string) *Plan {
	t.Helper()
	g, err := ParseGrid([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// localTable computes a plan in this process.
func localTable(t testing.TB, p *Plan, workers int) *Table {
	t.Helper()
	results, err := Local(context.Background(), p, t.TempDir(), workers, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := p.Table(results)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// bytesOf is the table as CSV and as Parquet.
func bytesOf(t testing.TB, table *Table) (text, binary string) {
	t.Helper()
	var c, p bytes.Buffer
	if err := table.CSV(&c); err != nil {
		t.Fatal(err)
	}
	if err := table.Parquet(&p); err != nil {
		t.Fatal(err)
	}
	return c.String(), p.String()
}

func TestLocalTableIsTheSameOnAnyNumberOfWorkers(t *testing.T) {
	p := planOf(t, smallGrid)
	if len(p.Points) != 20 || len(p.Jobs) != 16 {
		t.Errorf("%d points, %d jobs; want 20 and 16", len(p.Points), len(p.Jobs))
	}
	one, four := localTable(t, p, 1), localTable(t, p, 4)
	c1, p1 := bytesOf(t, one)
	c4, p4 := bytesOf(t, four)
	if c1 != c4 || p1 != p4 {
		t.Error("tables of one worker and of four differ")
	}
	if n, first := one.Failed(); n > 0 {
		t.Errorf("%d failed: %s", n, first)
	}
	rows, err := csv.NewReader(strings.NewReader(c1)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(strings.NewReader(p1), int64(len(p1)))
	if err != nil {
		t.Fatal(err)
	}
	cycles := slices.Index(rows[0], "cycles")
	for i, column := range file.Schema().Columns() {
		if column[0] != rows[0][i] {
			t.Errorf("column %d: %q in Parquet, %q in CSV", i, column[0], rows[0][i])
		}
	}
	r := parquet.NewReader(file)
	for _, row := range rows[1:] {
		got := make([]parquet.Row, 1)
		if n, _ := r.ReadRows(got); n != 1 || got[0][cycles].String() != row[cycles] {
			t.Fatalf("Parquet has %v, CSV %v", got, row)
		}
	}
	var svg bytes.Buffer
	if err := one.Plot(&svg, "svg"); err != nil || !strings.Contains(svg.String(), "<svg") {
		t.Errorf("plot: %v", err)
	}
}

func TestShippedGrids(t *testing.T) {
	for _, name := range GridNames() {
		g, err := LoadGrid(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Plan()
		if err != nil {
			t.Fatal(err)
		}
		if name == "sweep" && len(p.Points) < 200 {
			t.Errorf("sweep has %d points", len(p.Points))
		}
	}
}

func TestIdentityFollowsContent(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	id := func(workload, schedule, machine, set string) string {
		return planOf(t, "{name: x, kind: simulate, workloads: ["+workload+"], schedules: ["+schedule+"], machines: ["+machine+"], sets: [["+set+"]]}").Jobs[0].ID()
	}
	const bert = "{model: bert-base, tokens: 11}"
	base := id(bert, "paper-default", "spatten", "")
	for name, c := range map[string]struct {
		id   string
		same bool
	}{
		"a benchmark of that shape":   {id("{benchmark: bert-base-cola}", "paper-default", "spatten", ""), true},
		"an override that is default": {id(bert, "paper-default", "spatten", "topk.comparators=16"), true},
		"another override":            {id(bert, "paper-default", "spatten", "topk.comparators=4"), false},
		"the schedule as a file":      {id(bert, file("s.yaml", "name: paper-default\naverage: {tokens: 0.5, heads: 0.9, values: 0.3}\nvalue: {bits: 6}\nkey: {msb: 6, lsb: 4, threshold: 0.1}\n"), "spatten", ""), true},
		"another schedule":            {id(bert, "dense", "spatten", ""), false},
		"one token more":              {id("{model: bert-base, tokens: 12}", "paper-default", "spatten", ""), false},
	} {
		if (c.id == base) != c.same {
			t.Errorf("%s: same identity: %v", name, !c.same)
		}
	}
	w := file("w.csv", "x")
	before := id("{file: "+w+"}", "recorded", "spatten", "")
	file("w.csv", "y")
	if id("{file: "+w+"}", "recorded", "spatten", "") == before {
		t.Error("a file with other content has the same identity")
	}
	j := planOf(t, smallGrid).Jobs[0]
	other := j
	other.Version = "another"
	if j.ID() == other.ID() {
		t.Error("another version of the code has the same identity")
	}
}

func TestGridsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"": "EOF",
		"{name: x, kind: simulate, worklods: []}":                        "worklods",
		"{name: x, kind: guess}":                                         "kind \"guess\"",
		"{name: a/b, kind: simulate}":                                    "name",
		"{name: .., kind: simulate}":                                     "name",
		"{name: x, kind: simulate, texts: [a]}":                          "has no texts",
		"{name: x, kind: simulate}":                                      "axis is empty",
		"{name: x, kind: simulate, front: {minimize: [cycles]}}":         "at least two",
		"{name: x, kind: simulate, front: {minimize: [cycles, beauty]}}": "beauty",
		"{name: x, kind: simulate, front: {by: [color]}}":                "color",
		"{name: x, kind: simulate}\n---\n{name: y}":                      "more than one document",
		"{name: x, kind: simulate, machines: [nonesuch]}":                "nonesuch",
		"{name: x, kind: simulate, machines: [spatten], sets: [[qk=1]]}": "qk",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{benchmark: bert-base-nonesuch}], schedules: [dense]}":                               "bert-base-cola",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{model: bert-base, tokens: 5, generated: 1}], schedules: [dense]}":                   "encoder",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{model: gpt2-small, tokens: 5}], schedules: [dense]}":                                "generated",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{file: nonesuch.trace}], schedules: [recorded]}":                                     "nonesuch.trace",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{model: bert-large, tokens: 5}], schedules: [gpt2-small-wikitext2]}":                 "12 layers",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{model: bert-base, tokens: 5}], schedules: [{name: m, choose: group, mass: [0.9]}]}": "mass",
		"{name: x, kind: simulate, machines: [spatten], workloads: [{model: bert-base, tokens: 5}], schedules: [recorded]}":                              "only files",
	} {
		g, err := ParseGrid([]byte(text))
		if err == nil {
			_, err = g.Plan()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a word of %q", text, err, want)
		}
	}
}

func FuzzParseGrid(f *testing.F) {
	f.Add([]byte(smallGrid))
	f.Add([]byte("{name: x, kind: simulate, schedules: [[1]]}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if g, err := ParseGrid(src); err == nil && kinds[g.Kind] == nil {
			t.Errorf("kind %q was let through", g.Kind)
		}
	})
}

func TestRecordedWorkloads(t *testing.T) {
	small := shared.Path(t, "reference", "workloads", "small.csv")
	p := planOf(t, "{name: x, kind: simulate, workloads: [{file: "+small+"}], schedules: [recorded], machines: [spatten, reference-rtl]}")
	table := localTable(t, p, 2)
	if n, first := table.Failed(); n > 0 {
		t.Error(first)
	}
	if table.number(0, "cycles") != 1600 { // as 'spatten simulate' says
		t.Errorf("%v cycles", table.number(0, "cycles"))
	}
}

func TestFrontIsWhatNothingBeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Plan{Kind: "simulate", Front: &Front{By: []string{"workload"}, Minimize: []string{"cycles"}, Maximize: []string{"operations"}}}
		var results []*Result
		small := rapid.Int64Range(0, 4)
		var rows [][3]int64
		for i := range rapid.IntRange(1, 20).Draw(t, "rows") {
			row := [3]int64{small.Draw(t, "group") % 2, small.Draw(t, "cycles"), small.Draw(t, "operations")}
			rows = append(rows, row)
			p.Jobs = append(p.Jobs, Job{})
			p.Points = append(p.Points, Point{Axes: []string{string(rune('a' + row[0])), "", "", "", ""}, Job: i})
			results = append(results, &Result{Values: []byte(strings.NewReplacer("C", cell(reflect.ValueOf(row[1])), "O", cell(reflect.ValueOf(row[2]))).Replace(`{"cycles":C,"operations":O}`))})
		}
		table, err := p.Table(results)
		if err != nil {
			t.Fatal(err)
		}
		front := table.Front()
		for i, a := range rows {
			beaten := slices.ContainsFunc(front, func(j int) bool {
				b := rows[j]
				return b[0] == a[0] && b[1] <= a[1] && b[2] >= a[2] && (b[1] < a[1] || b[2] > a[2])
			})
			if slices.Contains(front, i) == beaten {
				t.Fatalf("row %d %v: on the front %v, beaten by one of it %v", i, a, slices.Contains(front, i), beaten)
			}
		}
	})
}

func TestCacheFetchesAgainWhatIsDamaged(t *testing.T) {
	p := planOf(t, smallGrid)
	dir := t.TempDir()
	h := p.Jobs[0].Machine
	open := func() (string, error) {
		c, err := NewCache(dir, p.copyFrom)
		if err != nil {
			t.Fatal(err)
		}
		return c.Path(context.Background(), h)
	}
	path, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if path, err = open(); err != nil {
		t.Fatal(err)
	}
	if got, _ := hashFile(path); got != h {
		t.Error("a damaged file was given out")
	}
	p.files[h] = source{data: []byte("wrong")}
	os.Remove(path)
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "what came has the hash") {
		t.Errorf("content with another hash: %v", err)
	}
	if _, err := (&Cache{dir: dir}).Path(context.Background(), "../../etc/passwd"); err == nil {
		t.Error("a path was taken for a hash")
	}
}
