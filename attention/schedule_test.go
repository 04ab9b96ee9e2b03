package attention

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestShippedSchedules: every one loads, names itself, and its canonical form reads back as the same schedule.
func TestShippedSchedules(t *testing.T) {
	names := ScheduleNames()
	if len(names) == 0 {
		t.Fatal("no schedules ship with the program")
	}
	for _, name := range names {
		s, err := LoadSchedule(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != name {
			t.Errorf("%s calls itself %q", name, s.Name)
		}
		again, err := ParseSchedule(strings.NewReader(s.YAML()))
		if err != nil {
			t.Fatalf("%s: canonical form: %v", name, err)
		}
		if diff := cmp.Diff(s, again); diff != "" || s.Hash() != again.Hash() {
			t.Errorf("%s: read back from its canonical form: %s", name, diff)
		}
	}
}

// TestGoldenSchedule: the canonical form of a file that says everything, byte for byte.
func TestGoldenSchedule(t *testing.T) {
	in := filepath.Join("testdata", "everything.yaml")
	s, err := LoadSchedule(in)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "everything.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.YAML() + "hash: " + s.Hash() + "\n"; got != string(want) {
		t.Errorf("canonical form:\n%s\nwant:\n%s", got, want)
	}
}

func TestScheduleErrors(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"tokns: 1", "tokns"},
		{"tokens: [0.5, 0.4]", "first share"},
		{"tokens: [1, 0.4, 0.5]", "cannot come back"},
		{"heads: [1, 0]", "above 0"},
		{"values: .nan", "above 0"},
		{"key: {lsb: 4}", "4 bits"},
		{"key: {msb: 12, lsb: 6}", "at most 16"},
		{"key: {msb: [6, 1]}", "layer 1"},
		{"key: {msb: 6, lsb: 4, threshold: 2}", "no probability"},
		{"key: {msb: 6, lsb: 4, ask: key}", "needs share"},
		{"key: {msb: 6, lsb: 4, share: 0.5}", "only for ask: key"},
		{"value: {bits: 99}", "99 bits"},
		{"prompt: some", "neither pruned nor dense"},
		{"choose: layer", "neither head nor group"},
		{"rest: zero", "neither nothing nor mean"},
		{"rest: mean\nrenormalize: true\nprompt: dense", "renormalize would spread"},
		{"rest: mean", "needs prompt: dense"},
		{"mass: 0.9", "only for choose: group"},
		{"choose: group\nkey: {msb: 4, mass: 0.9}", "only for ask: key"},
		{"choose: group\ngranularity: head", "do not go together"},
		{"key: {msb: 4, center: true}", "needs prompt: dense"},
		{"granularity: row", "neither layer nor head"},
		{"importance: {policy: best}", "cumulative"},
		{"importance: {pool: 4}", "odd"},
		{"average: {tokens: 0.5}\ntokens: [1, 0.5]", "one or the other"},
		{"average: {tokens: 0.5, token_start: 0.4}", "no line"},
		{"length: {reference: 0, slope: 1}", "reference"},
		{"chunk: -1", "negative"},
		{"name: a\n---\nname: b", "more than one"},
		{"name: [", "schedule"},
	} {
		if _, err := ParseSchedule(strings.NewReader(c.yaml)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.yaml, err, c.want)
		}
	}
	s, err := ParseSchedule(strings.NewReader("tokens: [1, 0.5, 0.5]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.For(4); err == nil || !strings.Contains(err.Error(), "tokens lists 3 layers, the model has 4") {
		t.Errorf("a list of wrong length: %v", err)
	}
	if _, err := LoadSchedule("no-such"); err == nil || !strings.Contains(err.Error(), "paper-default") {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestDefaultsHash: what is written as by default is the same schedule as what is left out.
func TestDefaultsHash(t *testing.T) {
	short, _ := ParseSchedule(strings.NewReader("values: 0.5"))
	long, err := ParseSchedule(strings.NewReader("values: [0.5]\ngranularity: layer\npooling: last\nimportance: {policy: cumulative}\nkey: {ask: query, scale: token}"))
	if err != nil {
		t.Fatal(err)
	}
	if short.Hash() != long.Hash() {
		t.Errorf("hashes differ:\n%s\n%s", short, long)
	}
}

// TestAverage: the line keeps the front, falls, and has the mean that was asked for (V-A).
func TestAverage(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		layers := rapid.IntRange(2, 48).Draw(r, "layers")
		mean := rapid.Float64Range(0.05, 1).Draw(r, "mean")
		s := &Schedule{Average: &Average{Tokens: mean, Heads: mean}}
		full, err := s.For(layers)
		if err != nil {
			r.Fatal(err)
		}
		if err := full.Validate(); err != nil {
			r.Fatal(err)
		}
		for name, list := range map[string]Shares{"tokens": full.Tokens, "heads": full.Heads} {
			front, sum := 0, 0.0
			for front < layers && list[front] == 1 && (front == 0 || mean < 1) {
				front++
			}
			for _, v := range list[front:] {
				sum += v
			}
			if got := sum / float64(layers-front); mean < 1 && front < layers && (got-mean > 1e-5 || mean-got > 1e-5) {
				r.Fatalf("%s: mean %g after the front of %d, asked for %g: %v", name, got, front, mean, list)
			}
		}
	})
}

// TestAverageOfLayers: shares of what entered the layer before multiply up (Algorithm 2).
func TestAverageOfLayers(t *testing.T) {
	s := &Schedule{Average: &Average{Tokens: 0.8, TokenStart: 0.9, TokenFront: 0.25, Of: OfLayer}}
	full, err := s.For(4)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Shares{1, 0.9, 0.72, 0.504}); !slices.Equal(full.Tokens, want) {
		t.Errorf("%v, want %v", full.Tokens, want)
	}
	if err := full.Validate(); err != nil {
		t.Error(err)
	}
	if _, err := ParseSchedule(strings.NewReader("average: {tokens: 0.5, of: row}")); err == nil || !strings.Contains(err.Error(), "sequence or layer") {
		t.Errorf("shares of rows: %v", err)
	}
}

// TestLength: longer sequences keep smaller shares, never more than all or less than none.
func TestLength(t *testing.T) {
	s := &Schedule{Tokens: Shares{1, 0.5}, Length: &Length{Reference: 1024, Slope: 0.25}}
	for _, c := range []struct{ n, want int }{{1024, 512}, {2048, 768}, {512, 320}, {32, 32}, {1 << 20, 0}} {
		if got := s.keep(1, c.n); got != c.want {
			t.Errorf("%d of %d tokens, want %d", got, c.n, c.want)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	for _, name := range ScheduleNames() {
		data, _ := source(name)
		f.Add(string(data))
	}
	f.Add("tokens: &a [1, 0.5]\nheads: *a")
	f.Add("values: 1e-300\nkey: {msb: [4, 6], lsb: 4, ask: key, share: [1, 0.1]}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ParseSchedule(strings.NewReader(s.YAML()))
		if err != nil {
			t.Fatalf("canonical form of %q: %v\n%s", text, err, s)
		}
		if s.Hash() != again.Hash() {
			t.Fatalf("%q is not stable:\n%s\n%s", text, s, again)
		}
		if full, err := s.For(4); err == nil {
			for l := range 4 {
				if k := full.keep(l, 1000); k < 0 || k > 1000 {
					t.Fatalf("%q keeps %d of 1000 in layer %d", text, k, l)
				}
			}
		}
	})
}
