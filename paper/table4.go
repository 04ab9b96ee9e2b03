package paper

import (
	"context"
	"fmt"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/accel/synthetic"
)

// EndToEnd is Table IV: GPT-2-medium, 32 generated tokens, 8-bit FC weights, attention without head pruning.
type EndToEnd struct {
	FCSeconds        float64 `json:"fc_seconds"`
	AttentionSeconds float64 `json:"attention_seconds"`
	// Speedup is over the TITAN Xp's published time (Fig. 2: attention and the rest), so that nothing is fitted.
	Speedup float64 `json:"speedup_titan_xp"`
}

// titanXPRest is what is not attention of GPT-2-medium on the TITAN Xp, in seconds (Fig. 2).
const titanXPRest = 0.38829

func (l *Lab) table4(ctx context.Context) (EndToEnd, error) {
	b := &l.Benchmarks[len(l.Benchmarks)-1]
	on := All
	on.Heads = false
	attention, err := l.Simulate(ctx, b, "spatten", on)
	if err != nil {
		return EndToEnd{}, err
	}
	m, err := config.Load("spatten-e2e", nil)
	if err != nil {
		return EndToEnd{}, err
	}
	// FC layers and tokens are all alike: 3 layers and a token stand for all.
	shape, set := b.Model.Shape(), synthetic.Static12
	shape.Layers, set.FC = 3, true
	r, err := accel.Simulate(ctx, synthetic.Generation(shape, b.Tokens, 1, set), m, accel.Options{})
	if err != nil {
		return EndToEnd{}, fmt.Errorf("FC of %s: %w", b.Model.Name, err)
	}
	fc := float64(r.FCCycles) / (m.ClockGHz * 1e9) * float64(b.Model.Layers/shape.Layers*b.Generated)
	return EndToEnd{fc, attention.Seconds, (titanXPAttention + titanXPRest) / (fc + attention.Seconds)}, nil
}

// roofline is Fig. 18: operations really done over time, over all benchmarks of a family, in TFLOPS.
func (r *Report) roofline(family string) float64 {
	ops, seconds := 0.0, 0.0
	for _, b := range r.lab.Benchmarks {
		if b.Model.Family == family {
			ops, seconds = ops+r.Runs[b.Name].Ops, seconds+r.Runs[b.Name].Seconds
		}
	}
	return ops / seconds / 1e12
}
