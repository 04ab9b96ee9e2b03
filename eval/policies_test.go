package eval_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/eval"
)

// TestPolicies: every policy is scored as its own schedule would be, at the same budget.
func TestPolicies(t *testing.T) {
	scorer, err := languageModel(t).Scorer([]eval.Text{{Name: "one", Text: words}}, eval.Excerpts{Prompt: 40, Continue: 6, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := scorer.Policies(context.Background(), schedule(t, "tokens: [1, 0.5, 0.3]"), attention.Policies())
	if err != nil || len(scores) != len(attention.Policies()) {
		t.Fatalf("%d scores, %v", len(scores), err)
	}
	ratios := map[float64]bool{}
	for _, s := range scores {
		ratios[s.Ratio] = true
		if s.KVBytes() != scores[0].KVBytes() {
			t.Errorf("%s reads %d bytes, %s %d", s.Schedule, s.KVBytes(), scores[0].Schedule, scores[0].KVBytes())
		}
	}
	if len(ratios) < 3 {
		t.Errorf("only %d different results", len(ratios))
	}
	want, err := scorer.Score(context.Background(), schedule(t, "{tokens: [1, 0.5, 0.3], importance: {policy: streaming}}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		if s.Schedule == "streaming" && s.Ratio != want.Ratio {
			t.Errorf("streaming is %g, by itself %g", s.Ratio, want.Ratio)
		}
	}
	var table bytes.Buffer
	if err := eval.WriteComparison(&table, "policy", scores); err != nil || strings.Count(table.String(), "\n") != 4+len(scores) {
		t.Errorf("%v:\n%s", err, &table)
	}
	file := filepath.Join(t.TempDir(), "policies.svg")
	if err := eval.PlotComparison(file, scores); err != nil {
		t.Fatal(err)
	}
	if svg, _ := os.ReadFile(file); !bytes.Contains(svg, []byte("<svg")) {
		t.Error("no plot")
	}
	if _, err := scorer.Policies(context.Background(), schedule(t, "values: 0.5"), nil); err == nil {
		t.Error("a schedule that prunes no tokens")
	}
}

// TestAblations: every choice is undone alone, what was not chosen is not undone, and the schedule itself is left as it was.
func TestAblations(t *testing.T) {
	s := schedule(t, "{prompt: dense, values: 0.2, renormalize: true, choose: group, key: {msb: [3, 2], lsb: [4, 2], ask: key, share: 0.1, scale: channel, center: true}, value: {bits: 6}}")
	before, hashes, names := s.Hash(), map[string]bool{}, map[string]*attention.Schedule{}
	for _, a := range eval.Ablations(s) {
		if err := a.Validate(); err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
		hashes[a.Hash()], names[a.Name] = true, a
	}
	if s.Hash() != before || len(names) != 13 || len(hashes) != len(names) {
		t.Errorf("%d schedules of %d names; the schedule has become\n%s", len(hashes), len(names), s)
	}
	if all := names["LSBs for all keys"]; all == nil || all.Key.MSB.At(0) != 7 || all.Key.MSB.At(1) != 4 || len(all.Key.LSB) > 0 {
		t.Errorf("LSBs for all keys: %v", all)
	}
	if got := eval.Ablations(schedule(t, "{tokens: [1, 0.5], value: {bits: 8}}")); len(got) != 3 {
		t.Errorf("%d schedules", len(got))
	}
}

// TestByText: a row a text, a column a schedule.
func TestByText(t *testing.T) {
	scorer, err := languageModel(t).Scorer([]eval.Text{{Name: "one", Text: words}, {Name: "two", Text: words[9:]}}, eval.Excerpts{Prompt: 40, Continue: 6, K: 3})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := scorer.ScoreAll(context.Background(), nil, schedule(t, "{name: few, values: 0.1}"))
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := eval.WriteByText(&table, scores); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[2], "| one | 1.0000 (1.0000) | ") || !strings.HasPrefix(lines[3], "| two | 1.0000 (1.0000) | ") || strings.Contains(lines[2][20:], "1.0000") {
		t.Errorf("%s", &table)
	}
}
