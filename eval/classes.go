package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"spatten/attention"
	"spatten/model"
	"spatten/tensor"
)

// Classes classifies the same examples under one schedule after another. What the model makes of them densely is computed once.
type Classes struct {
	r      *Runner
	texts  []text
	labels []int
	dense  [][]float32 // probabilities of the classes
}

// Classification is how a classifier's answers under a schedule differ from dense ones.
type Classification struct {
	KL            float64        `json:"kl"`            // mean Kullback-Leibler divergence of dense from pruned class probabilities, natural
	Expected      float64        `json:"expected_loss"` // of accuracy, were the dense probabilities those of the labels; never negative
	Accuracy      float64        `json:"accuracy"`
	DenseAccuracy float64        `json:"dense_accuracy"`
	Count         int            `json:"examples"`
	Cost          attention.Cost `json:"cost"`
}

// Classes reads all examples with nothing pruned.
func (r *Runner) Classes(ctx context.Context, examples []Example) (*Classes, error) {
	info := r.Model.Info()
	if info.Causal || len(info.Labels) == 0 {
		return nil, fmt.Errorf("eval: %s has no classification head; labelled examples are for classifiers", info.Name)
	}
	if len(examples) == 0 {
		return nil, errors.New("eval: no examples")
	}
	c := &Classes{r: r, texts: make([]text, len(examples)), labels: make([]int, len(examples)), dense: make([][]float32, len(examples))}
	for i, e := range examples {
		if e.Label >= len(info.Labels) {
			return nil, fmt.Errorf("eval: example %d has label %d, the model knows %d classes (%v)", i, e.Label, len(info.Labels), info.Labels)
		}
		c.labels[i] = e.Label
		c.texts[i].ids, c.texts[i].types = r.encode(e.Text, e.Pair)
	}
	err := r.answers(ctx, c.texts, nil, model.Logits, func(i int, out []float32, _ attention.Cost) {
		c.dense[i] = append([]float32(nil), out...)
		tensor.Softmax(c.dense[i])
	})
	return c, err
}

// errHopeless ends a classification that was given up.
var errHopeless = errors.New("hopeless")

// Score classifies all examples under a schedule. hopeless, which may be nil, is asked after each batch of them whether the mean
// divergence so far is too much to go on; figures are then of the examples until there.
func (c *Classes) Score(ctx context.Context, s *attention.Schedule, hopeless func(examples int, kl float64) bool) (Classification, error) {
	var sum Classification
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := c.r.answers(ctx, c.texts, s, model.Logits, func(i int, out []float32, cost attention.Cost) {
		tensor.Softmax(out)
		sum.add(c.dense[i], out, c.labels[i])
		sum.Cost = sum.Cost.Add(cost)
		if last := (i+1)%c.r.size() == 0; last && i+1 < len(c.texts) && hopeless != nil && hopeless(i+1, sum.KL/float64(i+1)) {
			stop(errHopeless)
		}
	})
	if err != nil && context.Cause(ctx) != errHopeless {
		return sum, err
	}
	n := float64(sum.Count)
	sum.KL, sum.Expected, sum.Accuracy, sum.DenseAccuracy = sum.KL/n, sum.Expected/n, sum.Accuracy/n, sum.DenseAccuracy/n
	return sum, nil
}

// add counts an example's class probabilities, dense and pruned.
func (s *Classification) add(dense, pruned []float32, label int) {
	const least = 1e-30 // of a probability that has left fp32
	for k, p := range dense {
		if p > 0 {
			s.KL += float64(p) * math.Log(float64(p)/math.Max(float64(pruned[k]), least))
		}
	}
	was, is := largest(dense), largest(pruned)
	s.Expected += float64(dense[was] - dense[is])
	if is == label {
		s.Accuracy++
	}
	if was == label {
		s.DenseAccuracy++
	}
	s.Count++
}
