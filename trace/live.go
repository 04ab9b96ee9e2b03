package trace

import (
	"slices"

	"spatten/attention/record"
)

// LiveLayer is what lived in one layer of a run.
type LiveLayer struct {
	Tokens []int32 `json:"tokens"` // positions live entering the layer
	Heads  []int32 `json:"heads"`  // live query heads
}

// Live is a record.Recorder that keeps in memory, for every layer, what lived when the layer was last entered: the
// picture that people look at while the trace goes to disk. Next, where set, gets every record too.
type Live struct {
	Next   record.Recorder
	Run    record.Run
	Layers []LiveLayer
}

// Wants implements record.Recorder.
func (v *Live) Wants() record.Wants {
	if v.Next != nil {
		return v.Next.Wants()
	}
	return record.Wants{}
}

// Begin implements record.Recorder.
func (v *Live) Begin(r *record.Run) {
	v.Run = *r
	v.Layers = make([]LiveLayer, r.Layers)
	if v.Next != nil {
		v.Next.Begin(r)
	}
}

// Layer implements record.Recorder.
func (v *Live) Layer(l *record.Layer) {
	v.Layers[l.Index] = LiveLayer{Tokens: slices.Clone(l.Keys), Heads: slices.Clone(l.Heads)}
	if v.Next != nil {
		v.Next.Layer(l)
	}
}

// Pass implements record.Recorder.
func (v *Live) Pass(p *record.Pass) {
	if v.Next != nil {
		v.Next.Pass(p)
	}
}

// FC implements record.Recorder.
func (v *Live) FC(f *record.FC) {
	if v.Next != nil {
		v.Next.FC(f)
	}
}

// Head implements record.Recorder.
func (v *Live) Head(h *record.Head) {
	if v.Next != nil {
		v.Next.Head(h)
	}
}

// Group implements record.Recorder.
func (v *Live) Group(g *record.Group) {
	if v.Next != nil {
		v.Next.Group(g)
	}
}

// Rank implements record.Recorder.
func (v *Live) Rank(r *record.Rank) {
	if v.Next != nil {
		v.Next.Rank(r)
	}
}

// End implements record.Recorder.
func (v *Live) End() {
	if v.Next != nil {
		v.Next.End()
	}
}
