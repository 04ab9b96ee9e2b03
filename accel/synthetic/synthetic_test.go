package synthetic

import (
	"testing"

	"spatten/attention/record"
	"spatten/trace"
)

// The paper counts 19.33 GFLOP for the FC layers of GPT-2-medium over 32 generated tokens: 2 × 24 × 12 × 1,024² × 32.
func TestFCIsThePapers(t *testing.T) {
	set := Static12
	set.FC = true
	all, err := trace.Summarize(Generation(GPT2Medium, 992, 32, set))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := all[0].FCOperations, int64(2*24*12*1024*1024*32); got != want {
		t.Errorf("%d FC operations, want %d", got, want)
	}
	if all[0].GeneratedTokens != 32 {
		t.Errorf("%d tokens generated", all[0].GeneratedTokens)
	}
}

func TestQueries(t *testing.T) {
	set := Static12
	set.Values = 0.5
	for rec, err := range Sentence(BERTBase, 10, set) {
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := rec.(*record.Head); ok && (len(h.Queries) != 10 || h.Queries[0].Keys != 10 || h.Queries[9].Values != 5) {
			t.Fatalf("head %+v", h)
		}
	}
	causal := 0
	for rec := range Sentence(GPT2Small, 10, Static12) {
		if h, ok := rec.(*record.Head); ok {
			for i, q := range h.Queries {
				if int(q.Keys) != i+1 {
					t.Fatalf("query %d of a causal model has %d keys", i, q.Keys)
				}
			}
			causal++
		}
	}
	if causal != 12*12 {
		t.Errorf("%d heads, want 144", causal)
	}
}
