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
			t.Errorf("%s reads %d bytes, %s %d", s.Policy, s.KVBytes(), scores[0].Policy, scores[0].KVBytes())
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
		if s.Policy == "streaming" && s.Ratio != want.Ratio {
			t.Errorf("streaming is %g, by itself %g", s.Ratio, want.Ratio)
		}
	}
	var table bytes.Buffer
	if err := eval.WritePolicies(&table, scores); err != nil || strings.Count(table.String(), "\n") != 4+len(scores) {
		t.Errorf("%v:\n%s", err, &table)
	}
	file := filepath.Join(t.TempDir(), "policies.svg")
	if err := eval.PlotPolicies(file, scores); err != nil {
		t.Fatal(err)
	}
	if svg, _ := os.ReadFile(file); !bytes.Contains(svg, []byte("<svg")) {
		t.Error("no plot")
	}
	if _, err := scorer.Policies(context.Background(), schedule(t, "values: 0.5"), nil); err == nil {
		t.Error("a schedule that prunes no tokens")
	}
}
