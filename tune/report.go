package tune

import (
	"fmt"
	"io"
	"math"
	"strings"

	"spatten/eval"
)

// Report is what a search found.
type Report struct {
	Model    string
	Searched string   // on what, and how
	Texts    []string // names of what was searched on
	Cost     string   // what is to be little, in words
	Goal     Goal
	Seed     uint64
	Points   []Point
	Front    []Point
	Best     *Point    // nil where the goal was not reached
	Beside   []Beside  // schedules that were not searched for, on the same
	Verdicts []Verdict // on what the search did not see
	Schedule string    // its YAML
	Classes  bool      // losses are of accuracy
}

// Beside is a schedule that was measured beside those that the search tried.
type Beside struct {
	Schedule string
	Point    Point
}

// Verdict is what a schedule makes of data that no choice was made on: texts or examples.
type Verdict struct {
	Schedule string
	Texts    *eval.Perplexity
	Examples *eval.Accuracy
}

// String says it in a line.
func (v *Verdict) String() string {
	if a := v.Examples; a != nil {
		return fmt.Sprintf("%s: accuracy %.2f %%, dense %.2f %%, agreement %.2f %% (%d examples); of dense: %.1f %% of the tokens passed a layer, %.1f %% of the heads; %.1f %% of the bytes, %.1f %% of the operations",
			v.Schedule, 100*a.Accuracy, 100*a.DenseAccuracy, 100*a.Agreement, a.Count, 100*a.Kept.TokenLayers, 100*a.Kept.HeadLayers, 100*a.Kept.KVBytes, 100*a.Kept.Operations)
	}
	return fmt.Sprintf("%s: perplexity x %.4f, KL %.5f, %.2f x less read than dense fp32", v.Schedule, v.Texts.Ratio, v.Texts.KL, v.Texts.KVRatioFP32)
}

// WriteFront prints the front as a table.
func (r *Report) WriteFront(w io.Writer) error {
	head := fmt.Sprintf("%8s  %10s  %10s  %10s", "fp32 /", "KL", "perplexity", "worst text")
	if r.Classes {
		head = fmt.Sprintf("%8s  %10s  %10s  %10s", "dense /", "KL", "accuracy", "expected")
	}
	if _, err := fmt.Fprintln(w, head); err != nil {
		return err
	}
	for i := range r.Front {
		mark := ""
		if &r.Front[i] == r.Best {
			mark = "  <- recommended"
		}
		if err := r.row(w, &r.Front[i], mark); err != nil {
			return err
		}
	}
	for i := range r.Beside {
		if err := r.row(w, &r.Beside[i].Point, "  "+r.Beside[i].Schedule); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) row(w io.Writer, p *Point, mark string) error {
	loss := fmt.Sprintf("x %8.4f  x %8.4f", math.Exp(p.Loss), math.Exp(p.Worst))
	if r.Classes {
		loss = fmt.Sprintf("%+7.2f pt  %+7.2f pt", -100*p.Loss, -100*p.Expected)
	}
	_, err := fmt.Fprintf(w, "%8.2f  %10.5f  %s%s\n", p.Ratio(), p.KL, loss, mark)
	return err
}

// goal says what was wanted.
func (r *Report) goal() string {
	switch {
	case r.Goal.Ratio > 0:
		return fmt.Sprintf("%s %.3g times less than dense", r.Cost, r.Goal.Ratio)
	case r.Classes:
		return fmt.Sprintf("accuracy within %.3g points of dense", 100*r.Goal.Within)
	}
	return fmt.Sprintf("perplexity within %.3g %% of dense", 100*math.Expm1(r.Goal.Within))
}

// Markdown writes a short report.
func (r *Report) Markdown(w io.Writer) error {
	fmt.Fprintf(w, "# Schedules for %s\n\nGoal: %s; cost: %s. Searched on %s (%s); %d schedules measured, seed %d.\n\n## Front on what was searched on\n\n```\n",
		r.Model, r.goal(), r.Cost, r.Searched, strings.Join(r.Texts, ", "), len(r.Points), r.Seed)
	if err := r.WriteFront(w); err != nil {
		return err
	}
	fmt.Fprint(w, "```\n")
	if r.Best == nil {
		_, err := fmt.Fprint(w, "\nNo schedule reached the goal.\n")
		return err
	}
	if len(r.Verdicts) > 0 {
		fmt.Fprint(w, "\n## Verdict on what the search did not see\n")
	}
	for i := range r.Verdicts {
		r.Verdicts[i].markdown(w)
	}
	_, err := fmt.Fprintf(w, "\n## Schedule\n\n```yaml\n%s```\n", r.Schedule)
	return err
}

func (v *Verdict) markdown(w io.Writer) {
	if p := v.Texts; p != nil {
		fmt.Fprintf(w, "\n| text | token | perplexity | dense | ratio |\n|---|---|---|---|---|\n")
		for _, e := range p.ByExcerpt {
			fmt.Fprintf(w, "| %s | %d | %.3f | %.3f | %.4f |\n", e.Text, e.Start, e.Perplexity, e.DensePerplexity, e.Perplexity/e.DensePerplexity)
		}
	}
	fmt.Fprintf(w, "\n%s.\n", v)
	if a := v.Examples; a != nil {
		fmt.Fprintf(w, "A difference in accuracy so large comes by chance with a probability of %.2g.\n", a.P)
	}
}
