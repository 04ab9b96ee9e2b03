package live

import (
	"fmt"
	"math"

	"spatten/attention"
	"spatten/attention/record"
)

// Error is one row of probabilities: its largest one, and the mean absolute error that four bits make in it. Total is the error's
// sum, which does not depend on how long the row is.
type Error struct {
	Max   float64 `json:"max_prob"`
	Mean  float64 `json:"mean_abs_err_int4"`
	Total float64 `json:"total_abs_err_int4"`
}

// rows records the probabilities of one layer.
type rows struct {
	layer, now int
	rows       [][]float32
}

// Wants implements record.Recorder.
func (r *rows) Wants() record.Wants { return record.Wants{Probabilities: true} }

// Begin implements record.Recorder.
func (r *rows) Begin(*record.Run) {}

// Pass implements record.Recorder.
func (r *rows) Pass(*record.Pass) {}

// Layer implements record.Recorder.
func (r *rows) Layer(l *record.Layer) { r.now = l.Index }

// Head implements record.Recorder.
func (r *rows) Head(h *record.Head) {
	if r.now != r.layer {
		return
	}
	p := h.Probabilities
	for i := range h.Queries {
		n := int(h.Queries[i].Keys)
		r.rows = append(r.rows, append([]float32(nil), p[:n]...))
		p = p[n:]
	}
}

// FC implements record.Recorder.
func (r *rows) FC(*record.FC) {}

// Group implements record.Recorder.
func (r *rows) Group(*record.Group) {}

// Rank implements record.Recorder.
func (r *rows) Rank(*record.Rank) {}

// End implements record.Recorder.
func (r *rows) End() {}

// narrow finds the error of four-bit queries and keys, one layer at a time, so that what enters the layer is the same.
func (s *subject) narrow(texts []text) ([]Error, error) {
	var out []Error
	layers := s.Model.Info().Layers
	for _, t := range texts {
		ids, types, _ := s.encode(t.text, t.pair)
		for l := range layers {
			bits := make(attention.Widths, layers)
			bits[l] = 4
			four := &attention.Schedule{Name: fmt.Sprintf("four bits in layer %d", l), Key: attention.KeyBits{MSB: bits}, Query: attention.QueryBits{Bits: bits}}
			dense, narrow := &rows{layer: l}, &rows{layer: l}
			if _, err := s.pass(ids, types, nil, dense); err != nil {
				return nil, err
			}
			if _, err := s.pass(ids, types, four, narrow); err != nil {
				return nil, err
			}
			for i, row := range dense.rows {
				e := Error{}
				for j, p := range row {
					e.Max = max(e.Max, float64(p))
					e.Total += math.Abs(float64(p - narrow.rows[i][j]))
				}
				e.Mean = e.Total / float64(len(row))
				out = append(out, e)
			}
		}
	}
	return spread(out, 576), nil // as many points as the published figure has
}
