package eval

import (
	"context"
	"fmt"

	"spatten/attention"
	"spatten/model"
)

// Accuracy is how often a classifier is right, pruned beside dense.
type Accuracy struct {
	Accuracy      float64      `json:"accuracy"`
	Accuracy95    Interval     `json:"accuracy_95"`
	DenseAccuracy float64      `json:"dense_accuracy"`
	P             float64      `json:"p_value"`   // of a difference at least so large by chance (McNemar's exact test)
	Agreement     float64      `json:"agreement"` // share of examples on which both say the same
	Count         int          `json:"examples"`
	Kept          Kept         `json:"kept"`
	Precision     string       `json:"precision"`
	Model         string       `json:"model"`
	Schedule      string       `json:"schedule"`
	ScheduleHash  string       `json:"schedule_hash"`
	ByExample     []Classified `json:"by_example"`
}

// Classified is one example: the class it belongs to, and the classes that the model gives it.
type Classified struct {
	Label  int `json:"label"`
	Pruned int `json:"pruned"`
	Dense  int `json:"dense"`
}

// Accuracy classifies every example with a schedule and without one.
func (r *Runner) Accuracy(ctx context.Context, examples []Example, s *attention.Schedule) (*Accuracy, error) {
	info := r.Model.Info()
	if len(info.Labels) == 0 {
		return nil, fmt.Errorf("eval: %s has no classification head; accuracy is of classifiers", info.Name)
	}
	a := &Accuracy{Count: len(examples), Precision: precision(r.CPU, r.Numerics), Model: info.Name, ByExample: make([]Classified, len(examples)), Schedule: "dense"}
	if s != nil {
		a.Schedule, a.ScheduleHash = s.Name, s.Hash()
	}
	texts := make([]text, len(examples))
	for i, e := range examples {
		if e.Label >= len(info.Labels) {
			return nil, fmt.Errorf("eval: example %d has label %d, the model knows %d classes (%v)", i, e.Label, len(info.Labels), info.Labels)
		}
		a.ByExample[i].Label = e.Label
		texts[i].ids, texts[i].types = r.encode(e.Text, e.Pair)
	}
	if err := r.answers(ctx, texts, nil, model.Logits, func(i int, out []float32, _ attention.Cost) {
		a.ByExample[i].Dense = largest(out)
	}); err != nil {
		return nil, err
	}
	var cost sums
	if err := r.answers(ctx, texts, s, model.Logits, func(i int, out []float32, c attention.Cost) {
		a.ByExample[i].Pruned = largest(out)
		cost.add(c)
	}); err != nil {
		return nil, err
	}
	a.Kept = cost.kept()
	one := 1 / float64(max(len(examples), 1))
	var right, onlyPruned, onlyDense int
	for _, e := range a.ByExample {
		if e.Pruned == e.Label {
			a.Accuracy += one
			right++
		}
		if e.Dense == e.Label {
			a.DenseAccuracy += one
		}
		switch {
		case e.Pruned == e.Label && e.Dense != e.Label:
			onlyPruned++
		case e.Pruned != e.Label && e.Dense == e.Label:
			onlyDense++
		}
		if e.Pruned == e.Dense {
			a.Agreement += one
		}
	}
	a.Accuracy95, a.P = wilson(right, a.Count), mcnemar(onlyPruned, onlyDense)
	return a, nil
}

func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
