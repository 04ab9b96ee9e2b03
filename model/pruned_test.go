package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/model"
)

// TestPruned holds a pruned pass against the reference that is told which tokens live in each layer: what falls is
// gone from later layers and nothing else changes, and where a mean is taken over last states, those that fell count.
func TestPruned(t *testing.T) {
	schedule, err := attention.ParseSchedule(strings.NewReader("tokens: [1, 0.6, 0.3]"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	ids := randomIDs(n, 8)
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			c, m := ready(t, f)
			var b model.Batch
			seq := newSequence(t, m, schedule, attention.Options{})
			got := forward(t, newCPU(t), &b, m, seq, ids, f.want)
			var live [][]int32
			for l := range m.Info().Layers {
				live = append(live, slices.Clone(seq.Live(l)))
			}
			if len(live[1]) != 24 || len(live[2]) != 12 {
				t.Fatalf("%d and %d tokens live after the first layers, want 24 and 12", len(live[1]), len(live[2]))
			}
			want := single(f.reference(t, c, ids, live))
			if f.want != model.AllLogits {
				near(t, "result", got, want, 2e-4)
				return
			}
			vocab := m.Info().Vocab
			for p := range ids {
				at := got[p*vocab : (p+1)*vocab]
				i := slices.Index(live[2], int32(p))
				if i < 0 {
					if !math.IsNaN(float64(at[0])) || !math.IsNaN(float64(at[vocab-1])) {
						t.Fatalf("position %d was pruned, its logits are %v …", p, at[0])
					}
					continue
				}
				near(t, "logits", at, want[i*vocab:(i+1)*vocab], 2e-4)
			}
		})
	}
}

// TestSurvivors takes a mean over the tokens that no layer pruned.
func TestSurvivors(t *testing.T) {
	schedule, err := attention.ParseSchedule(strings.NewReader("{tokens: [1, 0.6, 0.3], pooling: survivors}"))
	if err != nil {
		t.Fatal(err)
	}
	all := families()
	c, m := ready(t, all[len(all)-1])
	var b model.Batch
	ids := randomIDs(40, 9)
	seq := newSequence(t, m, schedule, attention.Options{})
	got := forward(t, newCPU(t), &b, m, seq, ids, model.Embedding)
	states, survivors := referenceBERT(t, c, "", ids, nil, [][]int32{seq.Live(0), seq.Live(1), seq.Live(2)})
	want := make([]float64, m.Info().Dim)
	for _, p := range survivors {
		for i, v := range states[p] {
			want[i] += v / float64(len(survivors))
		}
	}
	if len(survivors) != 12 {
		t.Fatalf("%d tokens survived, want 12", len(survivors))
	}
	near(t, "embedding", got, single(want), 2e-4)
}
