package paper

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/plot/plotter"

	"spatten/accel/config"
	"spatten/attention/record"
	"spatten/paper/page"
	"spatten/trace"
)

// sentence is how many tokens go in and come out of a translation: what HAT (arXiv 2005.14187) measures latency with.
const sentence = 30

// Seq2Seq is an encoder–decoder transformer of given dimensions.
type Seq2Seq struct {
	Name     string `json:"name,omitempty"`
	Encoder  int    `json:"encoder_embedding"`
	EncFFN   int    `json:"encoder_feed_forward"`
	EncLayer int    `json:"encoder_layers"`
	Decoder  int    `json:"decoder_embedding"`
	DecFFN   int    `json:"decoder_feed_forward"`
	DecLayer int    `json:"decoder_layers"`
	Attended int    `json:"encoder_layers_attended"` // whose outputs the decoder's cross attention reads
	Inner    int    `json:"qkv_dim"`                 // of queries, keys and values: heads of 64
}

// Translation is what a transformer costs: one sentence translated.
type Translation struct {
	Seq2Seq
	Seconds        float64 `json:"seconds"` // simulated on spatten-e2e
	FCGFLOP        float64 `json:"fc_gflop"`
	AttentionGFLOP float64 `json:"attention_gflop"`
	Parameters     float64 `json:"parameters"` // without embeddings
}

// Codesign is Fig. 16 and 17: the search space enumerated, and the vanilla transformers.
type Codesign struct {
	Vanilla []Translation `json:"vanilla"`
	Space   []Translation `json:"-"`
	Count   int           `json:"space"`
	Chosen  Translation   `json:"chosen"` // the largest of the space that keeps what is claimed of Transformer-4
	Keeping int           `json:"keeping_the_claim"`
}

// part is a piece of a transformer whose cost adds up.
type part struct {
	kind                  string // "encoder", "decoder", "memory" (K and V of the encoder's outputs)
	embed, ffn, inner     int
	attended, rows, other int // other: the encoder's embedding, for memory
}

// repeated is a part and how often there is one.
type repeated struct {
	part
	times int
}

// parts lists what a transformer is made of.
func (s *Seq2Seq) parts() []repeated {
	return []repeated{
		{part{kind: "encoder", embed: s.Encoder, ffn: s.EncFFN, inner: s.Inner, rows: sentence}, s.EncLayer},
		{part{kind: "decoder", embed: s.Decoder, ffn: s.DecFFN, inner: s.Inner, attended: s.Attended, rows: 1}, s.DecLayer * sentence},
		{part{kind: "memory", other: s.Encoder, inner: s.Inner, attended: s.Attended, rows: sentence * s.Attended}, s.DecLayer},
	}
}

// parameters are a transformer's weights without embeddings.
func (s *Seq2Seq) parameters() float64 {
	enc := 4*s.Encoder*s.Inner + 2*s.Encoder*s.EncFFN
	dec := 6*s.Decoder*s.Inner + 2*s.Encoder*s.Inner + 2*s.Decoder*s.DecFFN
	return float64(s.EncLayer*enc + s.DecLayer*dec)
}

// trace writes a part's records, dense at 12 bits. A decoder layer is at its middle token; cross attention is a layer of its own, over
// positions before the decoder's.
func (p part) trace() iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		n := uint64(0)
		emit := func(r trace.Record) { n++; yield(r, nil) }
		heads := p.inner / 64
		run := &record.Run{Model: p.kind, Architecture: "bert", Layers: 1, Heads: heads, KVHeads: heads, HeadDim: 64, ModelDim: p.embed, Precision: "synthetic"}
		fc := func(kind record.FCKind, rows, in, out int) {
			emit(&record.FC{Kind: kind, Rows: rows, In: in, Out: out, WeightBits: 8})
		}
		bits := record.Bits{Query: 12, KeyMSB: 12, Value: 12}
		attend := func(stage record.Stage, layer int, keys, queries []int32, before, after func()) {
			emit(&record.Layer{Index: layer, Keys: keys, Queries: queries, Heads: positions(0, heads), Bits: bits})
			before()
			for h := range heads {
				head := &record.Head{Head: h, Group: h}
				for range queries {
					head.Queries = append(head.Queries, record.Query{Keys: int32(len(keys)), Values: int32(len(keys)), MaxProb: 1})
				}
				emit(head)
				if stage == record.Generation {
					g := &record.Group{Group: h, Keys: int32(len(keys)), Values: int32(len(keys))}
					g.Bytes = trace.KVBytes(g, 64, bits)
					emit(g)
				}
			}
			after()
		}
		switch p.kind {
		case "encoder":
			emit(run)
			emit(&record.Pass{Stage: record.Summarization, Tokens: p.rows})
			attend(record.Summarization, 0, positions(0, p.rows), positions(0, p.rows), func() {
				for _, k := range []record.FCKind{record.FCQuery, record.FCKey, record.FCValue} {
					fc(k, p.rows, p.embed, p.inner)
				}
			}, func() {
				fc(record.FCOutput, p.rows, p.inner, p.embed)
				fc(record.FCUp, p.rows, p.embed, p.ffn)
				fc(record.FCDown, p.rows, p.ffn, p.embed)
			})
		case "decoder":
			memory := sentence * p.attended
			at := memory + sentence/2
			run.Architecture, run.Causal, run.Layers = "gpt2", true, 2
			emit(run)
			emit(&record.Pass{Stage: record.Generation, First: at, Tokens: 1})
			now := []int32{int32(at)}
			attend(record.Generation, 0, positions(memory, at+1), now, func() {
				for _, k := range []record.FCKind{record.FCQuery, record.FCKey, record.FCValue} {
					fc(k, 1, p.embed, p.inner)
				}
			}, func() { fc(record.FCOutput, 1, p.inner, p.embed) })
			attend(record.Generation, 1, positions(0, memory), now, func() { fc(record.FCQuery, 1, p.embed, p.inner) }, func() {
				fc(record.FCOutput, 1, p.inner, p.embed)
				fc(record.FCUp, 1, p.embed, p.ffn)
				fc(record.FCDown, 1, p.ffn, p.embed)
			})
		case "memory":
			emit(run)
			emit(&record.Pass{Stage: record.Summarization, Tokens: p.rows})
			emit(&record.Layer{Keys: positions(0, p.rows), Queries: positions(0, p.rows), Bits: bits})
			fc(record.FCKey, p.rows, p.other, p.inner)
			fc(record.FCValue, p.rows, p.other, p.inner)
		}
		emit(&trace.End{Records: n + 1})
	}
}

func positions(from, to int) []int32 {
	var out []int32
	for i := from; i < to; i++ {
		out = append(out, int32(i))
	}
	return out
}

// cost is a part's seconds and GFLOP.
type cost struct{ seconds, fc, attention float64 }

// space is the published search space, with one width of the feed-forward for all layers of a side.
func space(facts *Facts) []Seq2Seq {
	s := facts.Codesign.Space
	var out []Seq2Seq
	for _, enc := range s["embedding"] {
		for _, dec := range s["embedding"] {
			for _, encFFN := range s["feed_forward"] {
				for _, decFFN := range s["feed_forward"] {
					for _, layers := range s["decoder_layers"] {
						for _, attended := range s["encoder_layers_attended"] {
							out = append(out, Seq2Seq{Encoder: enc, EncFFN: encFFN, EncLayer: 6, Decoder: dec, DecFFN: decFFN, DecLayer: layers, Attended: attended, Inner: 512})
						}
					}
				}
			}
		}
	}
	return out
}

// vanilla are the transformers that the paper scales by layers and by width (Vaswani et al., 2017).
func vanilla() []Seq2Seq {
	out := []Seq2Seq{}
	for _, layers := range []int{6, 4, 2} {
		out = append(out, Seq2Seq{fmt.Sprintf("Transformer-Big, %d decoder layers", layers), 1024, 4096, 6, 1024, 4096, layers, 1, 1024})
	}
	for _, wide := range []int{768, 640, 512} {
		name := fmt.Sprintf("Transformer, %d wide", wide)
		if wide == 512 {
			name = "Transformer-Base"
		}
		out = append(out, Seq2Seq{name, wide, 4 * wide, 6, wide, 4 * wide, 6, 1, wide})
	}
	return out
}

// codesign simulates every part once and adds.
func (l *Lab) codesigned(ctx context.Context, facts *Facts) (*Codesign, error) {
	m, err := config.Load("spatten-e2e", nil)
	if err != nil {
		return nil, err
	}
	all, plain := space(facts), vanilla()
	costs := map[part]*cost{}
	for _, s := range slices.Concat(all, plain) {
		for _, p := range s.parts() {
			costs[p.part] = new(cost)
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for p, c := range costs {
		work.Go(func() error {
			r, err := l.replay(ctx, p.trace(), m)
			*c = cost{r.Seconds, float64(r.FCOperations) / 1e9, float64(r.Operations) / 1e9}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, fmt.Errorf("encoder–decoder transformers: %w", err)
	}
	price := func(s Seq2Seq) Translation {
		t := Translation{Seq2Seq: s, Parameters: s.parameters()}
		for _, p := range s.parts() {
			c, n := costs[p.part], float64(p.times)
			t.Seconds, t.FCGFLOP, t.AttentionGFLOP = t.Seconds+n*c.seconds, t.FCGFLOP+n*c.fc, t.AttentionGFLOP+n*c.attention
		}
		return t
	}
	c := &Codesign{Count: len(all)}
	for _, s := range plain {
		c.Vanilla = append(c.Vanilla, price(s))
	}
	big := c.Vanilla[0]
	var keeping []Translation
	for _, s := range all {
		t := price(s)
		c.Space = append(c.Space, t)
		if big.Seconds/t.Seconds >= facts.Codesign.Speedup && big.Parameters/t.Parameters >= facts.Codesign.Smaller {
			keeping = append(keeping, t)
		}
	}
	c.Keeping = len(keeping)
	if len(keeping) > 0 {
		c.Chosen = slices.MaxFunc(keeping, func(a, b Translation) int { return cmp.Compare(a.Parameters, b.Parameters) })
		c.Chosen.Name = "largest of the space at 1.9 × and 2.8 ×"
	}
	return c, nil
}

func (r *Report) codesign() page.Section {
	c := r.Figure16
	t := page.Table{Title: "One sentence of 30 tokens into 30", Columns: []string{"transformer", "ms", "faster than Big", "M parameters", "smaller than Big", "FC GFLOP", "attention GFLOP", "attention's share"}}
	big := c.Vanilla[0]
	row := func(x Translation) {
		t.Row(x.Name, fmt.Sprintf("%.2f", x.Seconds*1e3), fmt.Sprintf("×%.2f", big.Seconds/x.Seconds), fmt.Sprintf("%.1f", x.Parameters/1e6), fmt.Sprintf("×%.2f", big.Parameters/x.Parameters),
			fmt.Sprintf("%.2f", x.FCGFLOP), fmt.Sprintf("%.3f", x.AttentionGFLOP), fmt.Sprintf("%.1f %%", 100*x.AttentionGFLOP/(x.AttentionGFLOP+x.FCGFLOP)))
	}
	for _, x := range c.Vanilla {
		row(x)
	}
	row(c.Chosen)
	var series [2]page.Series
	series[0].Name, series[1].Name = "vanilla", "search space (every ninth)"
	for _, x := range c.Vanilla {
		series[0].Points = append(series[0].Points, plotter.XY{X: x.FCGFLOP + x.AttentionGFLOP, Y: x.Seconds * 1e3})
	}
	var flop [2]plotter.Values
	var names []string
	for _, x := range []Translation{big, c.Vanilla[len(c.Vanilla)-1], c.Chosen} {
		names = append(names, strings.ReplaceAll(strings.Replace(x.Name, "largest of the space", "of the space", 1), ", ", "\n"))
		flop[0], flop[1] = append(flop[0], x.FCGFLOP), append(flop[1], 10*x.AttentionGFLOP)
	}
	slowest, fastest := c.Space[0], c.Space[0]
	for i, x := range c.Space {
		if i%9 == 4 {
			series[1].Points = append(series[1].Points, plotter.XY{X: x.FCGFLOP + x.AttentionGFLOP, Y: x.Seconds * 1e3})
		}
		if x.Seconds > slowest.Seconds {
			slowest = x
		}
		if x.Seconds < fastest.Seconds {
			fastest = x
		}
	}
	return page.Section{ID: "figure16", Title: "Fig. 16 and 17: transformers made for the machine", Tables: []page.Table{t},
		Words: []string{fmt.Sprintf("Simulated on SpAtten-e2e with 8-bit weights. The published search space (embeddings of 512, 640, 768, feed-forwards of 512 to 3,072, one to six decoder layers, cross attention to the last one to three encoder layers; second-hand, one feed-forward width for all layers of a side, queries and keys of 512 as in HAT) "+
			"is enumerated: %d transformers. Every kind of layer is simulated once and costs are added. BLEU is not reproduced, so which of them translate well is not known here; the paper found its Transformer-4 %.1f times faster and %.1f times smaller than Transformer-Big at equal BLEU.", c.Count, r.facts.Codesign.Speedup, r.facts.Codesign.Smaller)},
		After: []string{fmt.Sprintf("The space reaches from %.2f to %.2f ms. %d of its %d transformers are at least as much faster and smaller than Transformer-Big as is claimed of Transformer-4: the claim is possible on this machine, and what is left to it is the BLEU. "+
			"Fully connected layers are the cost: they stream their weights for every generated token, and attention is a small share of the FLOP in all of them.", fastest.Seconds*1e3, slowest.Seconds*1e3, c.Keeping, c.Count)},
		Plots: []page.Plot{page.Scatter("figure16-transformers", page.Axes{Title: "Latency by FLOP", X: "GFLOP", Y: "ms", LogX: true, LogY: true}, false, series[:]...),
			page.Bars("figure17-flop", page.Axes{Title: "Computation", Y: "GFLOP"}, names, []string{"fully connected", "attention × 10"}, flop[:])}}
}
