package sweep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spatten/internal/tiny"
)

// tinyModel is a folder with a language model of random weights.
func tinyModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config, arrays := tiny.Llama(nil)
	for name, file := range tiny.WithTokenizer(tiny.Files(config, arrays, 1)) {
		if err := os.WriteFile(filepath.Join(dir, name), file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func textFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestModelsAreJudgedFromTheirContent: the model's and the texts' own files are gone when the jobs are computed on workers.
func TestModelsAreJudgedFromTheirContent(t *testing.T) {
	text := textFile(t, "t.txt", strings.Repeat("the cat sat on the mat and the dog sat on the cat. ", 8))
	examples := textFile(t, "e.tsv", "sentence\tlabel\na wonderful, moving film with great actors\t1\na dull, stupid waste of time\t0\n")
	for name, c := range map[string]struct {
		grid   func(model string) string
		points int
		row    string // what the first row begins with
	}{
		"perplexity": {func(m string) string {
			return "{name: p, kind: perplexity, models: [" + m + "], texts: [" + text + "], prompt: 20, continue: 4, schedules: [dense, {name: half, values: [0.5], key: {msb: 6}}]}"
		}, 2, "M,f32,dense,"},
		"candidate": {func(m string) string {
			return "{name: c, kind: candidate, models: [" + m + "], texts: [" + text + "], prompt: 20, continue: 4, rungs: [0, 8], bases: [4]}"
		}, 2 + 2*tiny.Layers, "M,f32,,all,0,"},
		"accuracy": {func(string) string {
			return "{name: a, kind: accuracy, models: [sentiment], data: [" + examples + "], schedules: [dense, paper-default], precision: [f32, int8]}"
		}, 4, "sentiment,e.tsv,f32,dense,1,1,1,2,1,"},
	} {
		t.Run(name, func(t *testing.T) {
			model := tinyModel(t)
			p := planOf(t, c.grid(model))
			if len(p.Points) != c.points {
				t.Errorf("%d points; want %d", len(p.Points), c.points)
			}
			table := localTable(t, p, 2)
			want, _ := bytesOf(t, table)
			if n, first := table.Failed(); n > 0 {
				t.Fatal(first)
			}
			if _, row, _ := strings.Cut(want, "\n"); !strings.HasPrefix(row, strings.Replace(c.row, "M", filepath.Base(model), 1)) {
				t.Errorf("the first row is %.80s", row)
			}
			if len(table.Front()) == 0 {
				t.Error("nothing is on the front")
			}
			b := testBus(t, 0)
			c := &Coordinator{Audit: 0.5, Log: t.Logf, step: func(event string) error {
				if strings.HasPrefix(event, "remember") {
					return os.RemoveAll(model)
				}
				return nil
			}}
			work(t, b, newWorker(t, b), newWorker(t, b))
			remote, _ := coordinate(t, b, p, c)
			if got, _ := bytesOf(t, remote); got != want {
				t.Errorf("on workers the table is\n%s\nin this process\n%s", got, want)
			}
		})
	}
}

func TestWhatCannotBeJudged(t *testing.T) {
	model, text := tinyModel(t), textFile(t, "t.txt", "too short")
	for grid, want := range map[string]string{
		"{name: x, kind: perplexity, models: [nonesuch], texts: [" + text + "], schedules: [dense]}":                       "nonesuch",
		"{name: x, kind: perplexity, models: [" + model + "], schedules: [dense]}":                                         "no texts",
		"{name: x, kind: perplexity, models: [" + model + "], texts: [" + text + "], schedules: [dense], precision: [f8]}": "f8",
		"{name: x, kind: candidate, models: [" + model + "], texts: [" + text + "], rungs: [99]}":                          "rung 99",
		"{name: x, kind: accuracy, models: [" + model + "], data: [" + model + "/config.json], schedules: [dense]}":        "config.json",
	} {
		g, err := ParseGrid([]byte(grid))
		if err == nil {
			_, err = g.Plan()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a word of %q", grid, err, want)
		}
	}
	// What is wrong with a text is known when it is read: the row says so, and the sweep goes on.
	table := localTable(t, planOf(t, "{name: x, kind: perplexity, models: ["+model+"], texts: ["+text+"], schedules: [dense]}"), 1)
	if n, first := table.Failed(); n != 1 || !strings.Contains(first, "context limit") {
		t.Errorf("%d failed: %s", n, first)
	}
}
