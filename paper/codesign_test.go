package paper

import (
	"iter"
	"math"
	"testing"

	"spatten/accel/config"
	"spatten/attention/record"
	"spatten/trace"
)

// Costs of layers add up: two encoder layers in one trace take twice one.
func TestPartsAddUp(t *testing.T) {
	l, err := NewLab(1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := config.Load("spatten-e2e", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := part{kind: "encoder", embed: 512, ffn: 1024, inner: 512, rows: sentence}
	one, err := l.replay(t.Context(), p.trace(), m)
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.replay(t.Context(), twice(p.trace()), m)
	if err != nil {
		t.Fatal(err)
	}
	if r := two.Seconds / one.Seconds; math.Abs(r-2) > 0.05 {
		t.Errorf("two layers take %.3f times one", r)
	}
	if want := int64(2 * sentence * (4*512*512 + 2*512*1024)); one.FCOperations != want {
		t.Errorf("%d FC operations, want %d", one.FCOperations, want)
	}
}

// twice repeats the layer of a trace.
func twice(records iter.Seq2[trace.Record, error]) iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		var layer []trace.Record
		for rec, err := range records {
			switch r := rec.(type) {
			case *record.Run:
				r.Layers = 2
			case *record.Pass:
			case *trace.End:
				for _, again := range layer {
					if l, ok := again.(*record.Layer); ok {
						second := *l
						second.Index = 1
						again = &second
					}
					yield(again, nil)
				}
				r.Records += uint64(len(layer))
			default:
				layer = append(layer, rec)
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// Transformer-Base as its paper counts it (Vaswani et al., 2017): 65 M parameters with embeddings of 37,000 × 512, 44 M without.
func TestParameters(t *testing.T) {
	base := vanilla()[5]
	if got := base.parameters() + 37000*512; math.Abs(got/65e6-1) > 0.05 {
		t.Errorf("%s has %.1f M parameters, published 65 M", base.Name, got/1e6)
	}
	facts, err := readFacts()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(space(facts)); n != 3*3*4*4*6*3 {
		t.Errorf("%d transformers in the space", n)
	}
}
