package live

import (
	"spatten/attention/record"
	"spatten/trace"
)

// observer counts what a run keeps, and passes on to a trace what a machine is to replay: a whole sentence, or some of the
// generated tokens after a prompt.
type observer struct {
	to        *trace.Writer
	from, end int // generated tokens that are replayed
	tally     tally
	maxima    []float32 // largest probability of each query of a generated token

	run       record.Run
	pass      record.Pass
	generated int
	replayed  bool
	keys      int
}

// tally is rows and heads that a run reads, beside those of a dense one.
type tally struct {
	rows, denseRows   float64 // of keys and values, for every head
	heads, denseHeads float64
	queries, asked    float64 // LSBs of how many
	tokens            float64 // that were passed, or generated
}

func (t *tally) add(o *tally) {
	t.rows += o.rows
	t.denseRows += o.denseRows
	t.heads += o.heads
	t.denseHeads += o.denseHeads
	t.queries += o.queries
	t.asked += o.asked
	t.tokens += o.tokens
}

// Wants implements record.Recorder.
func (o *observer) Wants() record.Wants { return record.Wants{} }

// Begin implements record.Recorder.
func (o *observer) Begin(r *record.Run) {
	o.run = *r
	o.to.Begin(r)
}

// Pass implements record.Recorder.
func (o *observer) Pass(p *record.Pass) {
	o.pass = *p
	o.replayed = !o.run.Causal
	if p.Stage == record.Generation {
		o.replayed = o.generated >= o.from && o.generated < o.end
		o.generated++
	}
	if o.replayed {
		o.to.Pass(p)
	}
	if o.counted() {
		o.tally.tokens += float64(p.Tokens)
	}
}

// counted reports whether the pass is one that a machine would be measured on.
func (o *observer) counted() bool {
	return !o.run.Causal || o.pass.Stage == record.Generation && o.generated <= generatedTokens
}

// Layer implements record.Recorder.
func (o *observer) Layer(l *record.Layer) {
	o.keys = len(l.Keys)
	if o.counted() {
		o.tally.heads += float64(len(l.Heads))
		o.tally.denseHeads += float64(o.run.Heads)
		o.tally.denseRows += float64(2 * o.run.Heads * (o.pass.First + o.pass.Tokens))
	}
	if o.replayed {
		o.to.Layer(l)
	}
}

// Head implements record.Recorder.
func (o *observer) Head(h *record.Head) {
	if o.counted() && len(h.Queries) > 0 {
		keys, values := 0.0, 0.0
		for i := range h.Queries {
			q := &h.Queries[i]
			keys, values = keys+float64(q.Keys), values+float64(q.Values)
			o.tally.queries++
			if q.Keys > 0 {
				o.tally.asked += float64(q.LSBs) / float64(q.Keys)
			}
			if o.run.Causal {
				o.maxima = append(o.maxima, q.MaxProb)
			}
		}
		o.tally.rows += (keys + values) / float64(len(h.Queries))
	}
	if o.replayed {
		o.to.Head(h)
	}
}

// FC implements record.Recorder.
func (o *observer) FC(f *record.FC) {
	if o.replayed {
		o.to.FC(f)
	}
}

// Group implements record.Recorder.
func (o *observer) Group(g *record.Group) {
	if o.replayed {
		o.to.Group(g)
	}
}

// Rank implements record.Recorder.
func (o *observer) Rank(r *record.Rank) {
	if o.replayed {
		o.to.Rank(r)
	}
}

// End implements record.Recorder.
func (o *observer) End() { o.to.End() }
