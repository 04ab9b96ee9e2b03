package trace

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"spatten/attention/record"
)

// Writer stores records as a trace. It implements record.Recorder. Records are coded as they come and compressed on a
// goroutine beside the run, which ends with Close. Errors are kept: Err reports them while the run goes on, Close at its end.
type Writer struct {
	out     *stream
	file    io.Closer // closed after the stream, where the Writer opened it
	wants   record.Wants
	state   state
	buf     []byte
	records uint64
	closed  bool
}

// NewWriter writes a trace to w. What wants asks for beyond the fixed records makes traces much larger.
func NewWriter(w io.Writer, wants record.Wants) (*Writer, error) {
	if _, err := w.Write(append([]byte(magic), Version)); err != nil {
		return nil, fmt.Errorf("trace: write the header: %w", err)
	}
	out, err := newStream(w)
	if err != nil {
		return nil, err
	}
	t := &Writer{out: out, wants: wants}
	runtime.AddCleanup(t, (*stream).end, out) // of a run that was abandoned without Close
	return t, nil
}

// Create writes a trace to a new file.
func Create(path string, wants record.Wants) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	w, err := NewWriter(f, wants)
	if err != nil {
		f.Close()
		return nil, err
	}
	w.file = f
	return w, nil
}

// Wants implements record.Recorder.
func (w *Writer) Wants() record.Wants { return w.wants }

// Begin implements record.Recorder.
func (w *Writer) Begin(r *record.Run) {
	w.state.begin(r)
	w.records = 0
	w.tag(tagRun)
	w.text(r.Model, r.Architecture, r.Precision, r.Schedule, r.ScheduleHash)
	w.ints(r.Layers, r.Heads, r.KVHeads, r.HeadDim, r.ModelDim)
	w.flag(r.Causal)
	w.buf = appendUint(w.buf, r.Seed)
	w.flush(0)
}

// Pass implements record.Recorder.
func (w *Writer) Pass(p *record.Pass) {
	w.state.enter(p)
	w.tag(tagPass)
	w.ints(int(p.Stage), p.Index, p.First, p.Tokens)
}

// Layer implements record.Recorder.
func (w *Writer) Layer(l *record.Layer) {
	w.tag(tagLayer)
	w.ints(l.Index)
	w.buf = appendSet(w.buf, l.Queries, w.state.queries)
	if w.state.grown(l) {
		w.buf = append(w.buf, setWithout, 0)
	} else {
		w.buf = appendSet(w.buf, l.Keys, w.state.keyReference(l.Index, l.Queries))
	}
	w.buf = appendSet(w.buf, l.Heads, w.state.heads)
	w.buf = append(w.buf, l.Bits.Query, l.Bits.KeyMSB, l.Bits.KeyLSB, l.Bits.Value, l.Bits.KeyScale, l.Bits.ValScale)
	w.float(l.Threshold)
	w.state.leave(l)
}

// FC implements record.Recorder.
func (w *Writer) FC(f *record.FC) {
	w.tag(tagFC)
	w.ints(int(f.Kind), f.Rows, f.In, f.Out)
	w.float(f.WeightBits)
}

// Head implements record.Recorder.
func (w *Writer) Head(h *record.Head) {
	w.tag(tagHead)
	w.ints(h.Head, h.Group)
	w.flag(h.Keys != nil)
	if h.Keys != nil {
		w.buf = appendSet(w.buf, h.Keys, w.state.keys)
	}
	w.ints(len(h.Queries))
	// A column at a time: neighbours in a column are alike and compress to almost nothing.
	var last int32
	for i := range h.Queries {
		w.buf = appendInt(w.buf, int64(h.Queries[i].Keys-last))
		last = h.Queries[i].Keys
	}
	for i := range h.Queries {
		w.buf = appendUint(w.buf, uint64(h.Queries[i].LSBs))
	}
	last = 0
	for i := range h.Queries {
		w.buf = appendInt(w.buf, int64(h.Queries[i].Values-last))
		last = h.Queries[i].Values
	}
	for i := range h.Queries {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, quantizeProbability(h.Queries[i].MaxProb))
	}
	w.positions(h, h.ValuePositions, values)
	w.positions(h, h.LSBPositions, lsbs)
	w.floats(h.Probabilities)
	w.floats(h.Scores)
}

// Group implements record.Recorder.
func (w *Writer) Group(g *record.Group) {
	w.tag(tagGroup)
	w.ints(g.Group, int(g.Keys), int(g.LSBs), int(g.Values), int(g.Bytes))
}

// Rank implements record.Recorder.
func (w *Writer) Rank(r *record.Rank) {
	w.tag(tagRank)
	w.ints(int(r.Kind), r.Candidates, r.Keep)
	w.floats(r.Scores)
}

// End implements record.Recorder.
func (w *Writer) End() {
	w.tag(tagEnd)
	w.buf = appendUint(w.buf, w.records)
	w.flush(0)
}

// Err returns what has gone wrong so far; what is recorded after it is lost. A run may ask and stop.
func (w *Writer) Err() error {
	if err := w.out.failure(); err != nil {
		return fmt.Errorf("trace: write: %w", err)
	}
	return nil
}

// Close ends the stream and returns the first error of the whole trace. It may be called again.
func (w *Writer) Close() error {
	if w.closed {
		return w.Err()
	}
	w.closed = true
	w.buf = append(w.buf, tagStop)
	w.flush(0)
	w.out.close()
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			w.out.fail(err)
		}
	}
	return w.Err()
}

// tag starts a record.
func (w *Writer) tag(t byte) {
	w.flush(blockBytes)
	w.records++
	w.buf = append(w.buf, t)
}

// flush hands the buffer to the compressor once it holds more than limit bytes.
func (w *Writer) flush(limit int) {
	if len(w.buf) > limit {
		w.buf = w.out.push(w.buf)
	}
}

func (w *Writer) ints(vs ...int) {
	for _, v := range vs {
		w.buf = appendUint(w.buf, uint64(v))
	}
}

func (w *Writer) text(ss ...string) {
	for _, s := range ss {
		w.buf = appendUint(w.buf, uint64(len(s)))
		w.buf = append(w.buf, s...)
	}
}

func (w *Writer) flag(b bool) {
	if b {
		w.buf = append(w.buf, 1)
	} else {
		w.buf = append(w.buf, 0)
	}
}

func (w *Writer) float(f float32) {
	w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(f))
}

func (w *Writer) floats(fs []float32) {
	w.ints(len(fs))
	for _, f := range fs {
		w.float(f)
	}
}

// positions codes the listed positions query by query; list is empty where nothing was listed. A query that took all
// of its keys lists nothing.
func (w *Writer) positions(h *record.Head, list []int32, k kind) {
	w.ints(len(list))
	if len(list) == 0 {
		return
	}
	at, last := 0, w.state.lists.of(place{w.state.layer, h.Head, k})
	for i := range h.Queries {
		n := k.count(&h.Queries[i])
		if n >= int(h.Queries[i].Keys) {
			continue
		}
		if at+n > len(list) {
			w.out.fail(fmt.Errorf("a head lists %d positions, its queries count more", len(list)))
			return
		}
		w.buf = w.state.lists.append(w.buf, list[at:at+n], last, k)
		at += n
	}
	if at != len(list) {
		w.out.fail(fmt.Errorf("a head lists %d positions, its queries count %d", len(list), at))
	}
}

func appendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }
func appendInt(b []byte, v int64) []byte   { return binary.AppendVarint(b, v) }

// quantizeProbability stores a probability in steps of 1/65535: far finer than any threshold, half the size.
func quantizeProbability(p float32) uint16 {
	if !(p > 0) { // NaN too
		return 0
	}
	return uint16(math.Round(float64(min(p, 1)) * 65535))
}
